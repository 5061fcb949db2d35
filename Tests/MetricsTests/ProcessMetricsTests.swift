import Glibc
import Testing

@testable import Metrics

@Suite struct ProcessMetricsTests {
    private func value(_ name: String, in text: String) throws -> Double {
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "\(name) is absent")
        return try #require(Double(line.dropFirst(name.count + 1)))
    }

    @Test("memory, processor time and descriptors are those of this process")
    func values() throws {
        var registry = MetricsRegistry()
        let process = ProcessMetrics(registry: &registry)
        process.update()
        let before = try value("process_cpu_seconds_total", in: registry.render())

        var descriptors: [Int32] = []
        for _ in 0..<100 { descriptors.append(open("/dev/null", O_RDONLY | O_CLOEXEC)) }
        defer { for descriptor in descriptors { close(descriptor) } }
        let start = clock()
        while clock() - start < CLOCKS_PER_SEC / 50 {}
        process.update()

        let text = registry.render()
        #expect(try value("process_resident_memory_bytes", in: text) > 1e6)
        #expect(try value("process_open_fds", in: text) >= 100)
        #expect(try value("process_cpu_seconds_total", in: text) >= before + 0.02)
    }
}
