"""Medians, percentiles and tables: all that the measurements need of statistics."""


def percentile(ordered, percent):
    """The nearest-rank percentile of a sorted sequence; 0 of an empty one."""
    if not ordered:
        return 0
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def table(heads, rows):
    """Prints a table; the first column to the left, the others to the right."""
    cells = [heads] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join([first] + rest))
    print()


def spread(values, form="{:,.0f}"):
    """Median, minimum and maximum, as three cells."""
    return [form.format(value) for value in (median(values), min(values), max(values))]
