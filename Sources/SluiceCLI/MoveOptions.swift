import ArgumentParser

/// What the commands that move jobs take.
struct MoveOptions: ParsableArguments {
  @OptionGroup var options: SpoolOptions

  @Argument(help: ArgumentHelp("Names of jobs, or globs in quotes.", valueName: "name"))
  var names: [String]

  func move(
    from sources: [SpoolInventory.Place], to target: JobMove.Target
  ) throws {
    let move = JobMove(spool: try options.open(), sources: sources, target: target)
    try move.move(names).finish(json: options.json)
  }
}
