import Sluice

/// The parts of the status page that do not change.
enum StatusPageStyle {
  static let head = """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="refresh" content="2">
    <meta name="color-scheme" content="light dark">
    <title>Sluice</title>
    <style>
    :root{--back:#f4f5f7;--card:#fff;--text:#1b1f24;--dim:#626c77;--line:#e1e5ea;--accent:#2368c4;
    --good:#1a7f42;--warn:#96600a;--bad:#c0312b}
    @media (prefers-color-scheme:dark){:root{--back:#101418;--card:#191f25;--text:#e4e8ec;
    --dim:#97a2ad;--line:#2b333b;--accent:#6aa9ff;--good:#3fb56b;--warn:#e0a13b;--bad:#f0716a}}
    *{box-sizing:border-box}
    body{margin:0 auto;padding:1rem;max-width:68rem;background:var(--back);color:var(--text);
    font:15px/1.45 system-ui,sans-serif}
    header{display:flex;flex-wrap:wrap;align-items:center;gap:.3rem .8rem}
    h1{font-size:1.4rem;margin:0}
    h2{font-size:1rem;margin:0 0 .5rem}
    p{margin:.2rem 0;overflow-wrap:anywhere}
    .dim{color:var(--dim)}.red{color:var(--bad)}
    .pill{padding:.1rem .7rem;border-radius:1rem;color:#fff;font-weight:600;background:var(--dim)}
    .good{background:var(--good)}.warn{background:var(--warn)}.bad{background:var(--bad)}
    @media (prefers-color-scheme:dark){.pill{color:#101418}}
    .callout{margin:.7rem 0;padding:.5rem .8rem;background:var(--card);
    border-left:.3rem solid var(--warn);border-radius:.3rem}
    section{margin:.8rem 0;padding:.8rem;background:var(--card);border:1px solid var(--line);
    border-radius:.5rem}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:.8rem;
    padding:0;background:none;border:0}
    .tile{display:flex;flex-direction:column;padding:.6rem .8rem;background:var(--card);
    border:1px solid var(--line);border-radius:.5rem}
    .tile b{font-size:1.25rem;font-variant-numeric:tabular-nums;white-space:nowrap}
    svg{width:100%;height:1.2rem}
    polyline{fill:none;stroke:var(--accent);stroke-width:1.5;vector-effect:non-scaling-stroke}
    .scroll{overflow-x:auto}
    table{width:100%;border-collapse:collapse}
    th,td{padding:.25rem .6rem .25rem 0;text-align:left;vertical-align:top;white-space:nowrap}
    th{color:var(--dim);font-weight:500}
    tr+tr td{border-top:1px solid var(--line)}
    .n{text-align:right;font-variant-numeric:tabular-nums}
    th.code{font:inherit;font-weight:500}
    td.code{font:13px/1.5 ui-monospace,monospace;white-space:normal;overflow-wrap:anywhere;
    min-width:14rem}
    td.prose{white-space:normal;overflow-wrap:anywhere;width:100%}
    @media (max-width:34rem){body{padding:.6rem}section{padding:.6rem}table{font-size:13px}
    th,td{padding-right:.45rem}td.code{font-size:12px;min-width:11rem}}
    </style></head><body>

    """

  /// The script that says how old the page is; beyond twice the heartbeat nobody is alive who would
  /// have written a new one.
  static func foot(heartbeat: Timestamp, within seconds: Double, isStopped: Bool) -> String {
    """
    <script>
    (function(){
    var at=\(heartbeat.nanoseconds / 1_000_000),limit=\(Int((seconds * 2 + 5) * 1000)),\
    stopped=\(isStopped);
    function show(){
    var age=Math.max(0,Date.now()-at),state=document.getElementById("state");
    var s=Math.round(age/1000),text=s<120?s+" s":s<7200?Math.round(s/60)+" min":Math.round(s/3600)+" h";
    document.getElementById("age").textContent=text+" ago";
    if(age>limit&&!stopped){state.textContent="no sign of life";state.className="pill bad";}
    }
    show();setInterval(show,1000);
    })();
    </script>
    </body></html>

    """
  }
}
