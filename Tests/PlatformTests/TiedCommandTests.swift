import Glibc
import Platform
import TestSupport
import Testing

@Suite struct TiedCommandTests {
    private let program: String

    init() throws { program = try BuiltProduct.path("pgmahout-guard") }

    @Test("a tied program dies with its parent")
    func diesWithParent() async throws {
        let directory = try TemporaryDirectory()
        let output = try FileDescriptor(opening: directory.file("pid"), O_WRONLY | O_CREAT)
        var command = Command("/bin/sh", ["-c", "'\(program)' --tie $$ /bin/sleep 1000 & echo $!; wait"])
        command.output = .descriptor(output.rawValue)
        let parent = try TestChild(command)
        let worker = try await eventualValue("the worker runs") {
            ProcessID(try Files.readText(directory.file("pid")).split(separator: "\n").first ?? "").flatMap {
                Processes.executable(of: $0)?.hasSuffix("/sleep") == true ? $0 : nil
            }
        }
        // Of the parent alone, not of its group, which the worker is in.
        #expect(parent.kill(SIGKILL))
        try await eventually("the worker is gone") { !Processes.exists(worker) }
    }

    @Test("a tied program runs with its arguments and streams as if it were not tied")
    func runs() async throws {
        let command = Command("/bin/sh", ["-c", "echo $0-$1; exit 7", "a", "b c"]).tied(by: program)
        let (status, text) = try await TestChildren.output(of: command)
        #expect(status == .exited(7))
        #expect(text == "a-b c\n")
    }

    @Test("a tied program whose parent is gone is not started")
    func orphan() async throws {
        let command = Command(program, ["--tie", String(ProcessID.max), "/bin/echo", "started"])
        let (status, text) = try await TestChildren.output(of: command)
        #expect(status == .exited(69))
        #expect(text == "pgmahout-guard: /bin/echo: not started, its parent is gone\n")
    }

    @Test("a program that cannot be executed is told by exit code and message")
    func missingProgram() async throws {
        let (status, text) = try await TestChildren.output(of: Command("/nonexistent").tied(by: program))
        #expect(status == .exited(126))
        #expect(text == "pgmahout-guard: /nonexistent: No such file or directory\n")
    }
}
