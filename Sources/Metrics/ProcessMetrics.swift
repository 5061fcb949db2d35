import Glibc

/// What the operating system says of this process, under the names that every Prometheus client uses.
package struct ProcessMetrics: Sendable {
    private let residentMemory: Gauge<NoLabels>
    private let processorTime: Counter<NoLabels>
    private let openDescriptors: Gauge<NoLabels>

    package init(registry: inout MetricsRegistry) {
        residentMemory = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
        processorTime = registry.counter(
            "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
        openDescriptors = registry.gauge("process_open_fds", "Number of open file descriptors.")
    }

    /// Reads /proc and the processor clock anew: some tens of microseconds, no disk. What cannot be read is left out.
    package func update() {
        residentMemory.set(to: Self.residentBytes())
        var time = timespec()
        if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 {
            processorTime.set(to: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
        }
        openDescriptors.set(to: Self.descriptorCount())
    }

    private static func residentBytes() -> Double? {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return nil }
        // Pages: total, resident, shared, …
        let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Double(fields[1]) else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func descriptorCount() -> Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        // Without ".", ".." and the descriptor that reads the directory.
        return Double(max(0, entries - 3))
    }
}
