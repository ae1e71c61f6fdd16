/// Producers in other languages: arguments are the spool, a file for the names they dropped, a file
/// whose coming stops them, and the backlog at which they wait.
enum ProducerScripts {
  /// Renames into the lanes, as a client library would.
  static let python = #"""
    import json, os, sys, time
    spool, manifest, stop, backlog = sys.argv[1:4] + [int(sys.argv[4])]
    lanes = ["", "urgent/", "high/", "normal/", "low/", "bulk/"]

    def jobs(key, number):
        effect = {"sql": "INSERT INTO effect VALUES(:job)", "params": {"job": key}}
        kind = number % 5
        if kind == 0:
            yield key + "-insert.json", effect
        elif kind == 1:
            yield key + "-refs.json", {"statements": [
                {"sql": "INSERT INTO parent(job) VALUES(?) RETURNING id", "params": [key]},
                {"sql": "INSERT INTO child VALUES(?,?)", "params": [{"$ref": "0/0/0"}, key]},
                effect]}
        elif kind == 2:
            yield key + "-fails.json", {"statements": [
                effect, {"sql": "INSERT INTO strict VALUES(NULL)"}]}
        elif kind == 3:
            yield key + "-read.json", {"sql": "SELECT count(*) FROM effect"}
        else:
            for letter in "ab":
                yield key + "-twice-" + letter + ".json", dict(effect, id=key)

    number = 0
    with open(manifest, "w") as log:
        while not os.path.exists(stop):
            lane = lanes[number // 5 % len(lanes)]
            while any(len(os.listdir(spool + place)) > backlog
                      for place in ("/incoming/" + lane, "/active")):
                if os.path.exists(stop):
                    break
                time.sleep(0.003)
            for name, job in jobs("python-%06d" % number, number):
                scratch = spool + "/tmp/" + name
                with open(scratch, "w") as file:
                    json.dump(job, file)
                log.write(name + "\n")
                os.rename(scratch, spool + "/incoming/" + lane + name)
            number += 1
    """#

  /// Writes in place, which takes as long as it takes, and renames in turn.
  static let shell = #"""
    spool=$1 manifest=$2 stop=$3 backlog=$4 number=100000
    : >"$manifest"
    while [ ! -e "$stop" ]; do
      set -- "$spool"/incoming/* "$spool"/active/*
      if [ $# -gt "$backlog" ]; then
        sleep 0.01
        continue
      fi
      key=shell-$number
      effect="{\"sql\":\"INSERT INTO effect VALUES('$key')\"}"
      case $((number % 4)) in
        0)
          echo "$key-insert.json" >>"$manifest"
          printf '%s' "$effect" >"$spool/incoming/$key-insert.json" ;;
        1)
          echo "$key-insert.json" >>"$manifest"
          printf '%s' "$effect" >"$spool/incoming/.$key"
          mv "$spool/incoming/.$key" "$spool/incoming/low/$key-insert.json" ;;
        2)
          echo "$key-counter.json" >>"$manifest"
          { printf '{"statements":['
            printf '{"sql":"INSERT INTO counter VALUES('"'all'"',1)'
            printf ' ON CONFLICT(name) DO UPDATE SET n=n+1"},'
            printf '%s]}' "$effect"; } >"$spool/incoming/urgent/$key-counter.json" ;;
        3)
          echo "$key-rejects.json" >>"$manifest"
          printf '{"sql":"SELECT 1","no":1}' >"$spool/incoming/$key-rejects.json" ;;
      esac
      number=$((number + 1))
    done
    """#
}
