// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "sluice",
  products: [
    .library(name: "Sluice", targets: ["Sluice"]),
    .executable(name: "sluice", targets: ["SluiceCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "CCSV", providers: [.apt(["libcsv-dev"])]),
    .target(name: "CSystem"),
    .target(name: "JSON"),
    .target(name: "SQLite", dependencies: ["CSQLite", "CSystem"]),
    .target(name: "EventLoop", dependencies: ["CLibuv"]),
    .target(
      name: "Sluice",
      dependencies: [
        "SQLite", "JSON", "CSystem",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ]),
    .target(name: "Spool", dependencies: ["Sluice", "JSON", "CSystem", "CCSV"]),
    .target(
      name: "SluiceWorker",
      dependencies: ["Spool", "EventLoop", "Sluice", "JSON", "TOMLKit"]),
    .executableTarget(
      name: "SluiceCLI",
      dependencies: [
        "SluiceWorker", "Spool", "EventLoop", "Sluice", "SQLite", "JSON",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    // Nothing but the library: what a program that embeds Sluice can see of it.
    .executableTarget(name: "embedding", dependencies: ["Sluice"], path: "jobs/embedding"),
    .target(
      name: "TestSupport", dependencies: ["Spool", "JSON", "CSystem"], path: "Tests/TestSupport"),
    .testTarget(name: "JSONTests", dependencies: ["JSON"], exclude: ["Fixtures"]),
    .testTarget(name: "SQLiteTests", dependencies: ["SQLite", "CSQLite", "TestSupport"]),
    .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "TestSupport"]),
    .target(name: "FaultVFS", dependencies: ["CSQLite"], path: "Tests/FaultVFS"),
    .testTarget(
      name: "SluiceTests", dependencies: ["Sluice", "SQLite", "FaultVFS", "JSON", "TestSupport"]),
    .testTarget(name: "SpoolTests", dependencies: ["Spool", "Sluice", "SQLite", "TestSupport"]),
    .testTarget(name: "ModelTests", dependencies: ["Sluice", "Spool", "TestSupport"]),
    .testTarget(
      name: "WorkerTests",
      dependencies: ["SluiceCLI", "SluiceWorker", "Spool", "Sluice", "SQLite", "TestSupport"]),
    .testTarget(
      name: "FuzzTests",
      dependencies: ["JSON", "Spool", "Sluice", "SluiceWorker", "CSQLite", "TestSupport"],
      exclude: ["Corpus"]),
    .testTarget(
      name: "CrashTests",
      dependencies: ["SluiceCLI", "SluiceWorker", "Spool", "SQLite", "TestSupport"]),
    .testTarget(
      name: "PowerLossTests",
      dependencies: ["SluiceCLI", "Spool", "SQLite", "JSON", "TestSupport"],
      exclude: ["recorded_run.py", "identity_shim.c"]),
  ],
  swiftLanguageModes: [.v6]
)
