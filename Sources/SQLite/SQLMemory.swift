import CSQLite
import CSystem

/// The memory that SQLite takes for all connections of this process together.
///
/// SQLite's own `sqlite3_hard_heap_limit64` needs statistics whose mutex all threads share at every
/// allocation; here each thread tells of 64 KiB at a time.
public enum SQLMemory {
  /// Bytes from now on, on any thread: a statement that needs more fails with `SQLITE_NOMEM`.
  /// Has no effect where the program has used SQLite before it opened a `Connection`.
  public static func bound(_ bytes: Int) {
    prepare()
    sluice_memory_set_bound(Int64(bytes))
  }

  static func prepare() { _ = isPrepared }

  private static let isPrepared: Bool = {
    var methods = sqlite3_mem_methods()
    methods.xMalloc = { sluice_memory_take($0) }
    methods.xFree = { sluice_memory_give($0) }
    methods.xRealloc = { sluice_memory_resize($0, $1) }
    methods.xSize = { sluice_memory_size($0) }
    methods.xRoundup = { ($0 + 7) & ~7 }
    methods.xInit = { _ in SQLITE_OK }
    methods.xShutdown = { _ in }
    return sluice_config_malloc(&methods) == SQLITE_OK && sluice_config_memstatus(0) == SQLITE_OK
  }()
}
