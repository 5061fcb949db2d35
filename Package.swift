// swift-tools-version: 6.2
import PackageDescription

/// Our own targets: the language mode of Swift 6 and no warning at all.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
/// Also optimized in debug builds: thousands of simulated schedules are part of every test run.
let simulated = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]
let strictC: [CSetting] = [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]
/// A static C program without the Swift runtime: starts in half a millisecond (docs/architecture.md).
let bareStatic: [LinkerSetting] = [.unsafeFlags(["-static-executable", "-nostartfiles"])]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = strict) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "pgmahout",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "pgmahout", targets: ["pgmahout"]),
        .executable(name: "pgmahout-guard", targets: ["pgmahout-guard"]),
        .executable(name: "pgmahout-wal", targets: ["pgmahout-wal"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Values and decisions: nothing but the standard library.
        room("ClusterModel", settings: simulated),
        room("Leadership", ["ClusterModel"], settings: simulated),
        room("Schedules", ["ClusterModel"]),

        // C: module maps, and what Swift cannot call.
        .systemLibrary(
            name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        // Comes with libpq-dev, which depends on it; libpq and libcurl have it loaded anyway.
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        // OpenSSL's libssl, of the same package.
        .target(
            name: "CTLS", cSettings: strictC,
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CCurlShim", dependencies: ["CCurl"], cSettings: strictC),
        // Optional: works with and without the header of ISA-L, with and without its library.
        .target(name: "CISAL", cSettings: strictC),
        .target(name: "CPages", cSettings: strictC),
        .target(name: "CProcessTree", cSettings: strictC),
        .target(name: "CPlatform", cSettings: strictC),

        // Effects, from the bottom up.
        room("Platform", ["ClusterModel", "CPlatform", "CProcessTree"]),
        room("Logs", ["ClusterModel", "Platform", logging]),
        room("Configuration", ["ClusterModel", "Schedules", yams]),
        room("HTTPTransport", ["ClusterModel", "Platform", "CCurl", "CCurlShim"]),
        room("Kubernetes", ["ClusterModel", "Platform", "HTTPTransport"]),
        room("LeaseStores", ["ClusterModel", "Platform", "HTTPTransport", "Kubernetes"]),
        room("Postgres", ["ClusterModel", "Platform", "CLibPQ", "CPages"]),
        room("Compression", ["CZlib", "CISAL"]),
        room("ObjectStorage", ["ClusterModel", "Platform", "HTTPTransport", "CCrypto"]),
        room("Archive", ["ClusterModel", "Platform", "Postgres", "Compression", "ObjectStorage"]),
        room("Metrics"),
        room("TLS", ["CTLS"]),
        room("Management", ["ClusterModel", "Metrics", "TLS"] + nio),
        room(
            "Supervision",
            [
                "ClusterModel", "Leadership", "Schedules", "Platform", "Configuration", "LeaseStores", "Postgres",
                "HTTPTransport", "Management", "Metrics", "Logs", "Kubernetes", "TLS", logging,
            ]),

        .executableTarget(
            name: "pgmahout",
            dependencies: [
                "ClusterModel", "Supervision", "Configuration", "Archive", "Postgres", "ObjectStorage", "HTTPTransport",
                "Platform", "Logs", "Compression", argumentParser, logging,
            ], swiftSettings: strict),
        // The proof: members, a store, a network and clients around the decision, in simulated time.
        room("Simulation", ["ClusterModel", "Leadership"], settings: simulated),
        .executableTarget(
            name: "pgmahout-simulate", dependencies: ["Simulation", argumentParser], swiftSettings: strict),
        .executableTarget(
            name: "pgmahout-guard", dependencies: ["CProcessTree"], cSettings: strictC, linkerSettings: bareStatic),
        .executableTarget(name: "pgmahout-wal", cSettings: strictC, linkerSettings: bareStatic),

        .target(
            name: "TestSupport",
            dependencies: ["ClusterModel", "Platform", "LeaseStores", "Postgres", "HTTPTransport", "Kubernetes"],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        tests("ClusterModelTests", ["ClusterModel", "TestSupport"]),
        tests("LeadershipTests", ["Leadership", "ClusterModel"]),
        tests("SimulationTests", ["Simulation", "Leadership", "ClusterModel"], settings: simulated),
        tests("SchedulesTests", ["Schedules", "ClusterModel", "Platform"]),
        tests("PlatformTests", ["Platform", "CPlatform", "ClusterModel", "TestSupport"]),
        tests("LogsTests", ["Logs", "ClusterModel", "Platform", "Postgres", "TestSupport", logging]),
        tests("ConfigurationTests", ["Configuration", "ClusterModel", "TestSupport"]),
        tests("HTTPTransportTests", ["HTTPTransport", "ClusterModel", "Platform", "TestSupport"]),
        tests(
            "KubernetesTests",
            ["Kubernetes", "HTTPTransport", "LeaseStores", "ClusterModel", "Platform", "TestSupport"]),
        tests(
            "LeaseStoresTests",
            ["LeaseStores", "Kubernetes", "HTTPTransport", "ClusterModel", "Platform", "TestSupport"]),
        tests(
            "DeployTests",
            [
                "Kubernetes", "LeaseStores", "Configuration", "ClusterModel", "Platform", "TestSupport", yams,
                "pgmahout",
                "pgmahout-guard", "pgmahout-wal",
            ]),
        tests("PostgresTests", ["Postgres", "ClusterModel", "Platform", "TestSupport"]),
        tests("CompressionTests", ["Compression", "Platform", "TestSupport"]),
        tests("ObjectStorageTests", ["ObjectStorage", "HTTPTransport", "ClusterModel", "Platform", "TestSupport"]),
        tests(
            "ArchiveTests",
            [
                "Archive", "ClusterModel", "Platform", "ObjectStorage", "Compression", "Postgres", "TestSupport",
                "pgmahout", "pgmahout-guard", "pgmahout-wal",
            ]),
        tests("MetricsTests", ["Metrics"]),
        tests(
            "ManagementTests",
            [
                "Management", "Metrics", "ClusterModel", "Platform", "TestSupport", "TLS", "HTTPTransport",
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        tests(
            "SupervisionTests",
            [
                "Supervision", "Leadership", "LeaseStores", "Management", "Postgres", "ClusterModel", "Platform",
                "TestSupport",
            ]),
        tests(
            "pgmahoutTests",
            ["pgmahout", "ClusterModel", "Configuration", "Archive", "Management", argumentParser]),
        tests(
            "AcceptanceTests",
            ["ClusterModel", "Platform", "Postgres", "Kubernetes", "LeaseStores", "HTTPTransport", "TestSupport"]),
    ]
)
