import Glibc
import Platform
import TestSupport
import Testing

@Suite struct TiedCommandTests {
    private let program: String

    init() throws { program = try BuiltProduct.path("pgmahout-guard") }

    @Test("a tied program dies with its parent, and so do the children that it has made")
    func diesWithParent() async throws {
        let directory = try TemporaryDirectory()
        let output = try FileDescriptor(opening: directory.file("pid"), O_WRONLY | O_CREAT)
        let script = "/bin/sleep 1000 & echo $PPID $$ $!; wait"
        var command = Command("/bin/sh", ["-c", "'\(program)' --tie $$ /bin/sh -c '\(script)'; true"])
        command.output = .descriptor(output.rawValue)
        let parent = try TestChild(command)
        let family = try await eventualValue("the worker runs") {
            let text = try Files.readText(directory.file("pid"))
            return text.hasSuffix("\n") ? text.split(whereSeparator: \.isWhitespace).compactMap { ProcessID($0) } : nil
        }
        try #require(family.count == 3 && family.allSatisfy { Processes.exists($0) })
        #expect(parent.kill(SIGKILL))
        try await eventually("all of them are gone") { family.allSatisfy { !Processes.exists($0) } }
    }

    @Test("a tied program that is killed looks like it")
    func killed() async throws {
        let command = Command("/bin/sh", ["-c", "kill -USR1 $$"]).tied(by: program)
        #expect(try await TestChildren.run(command) == .signalled(SIGUSR1))
    }

    @Test(
        "signals that end a program reach a tied one",
        arguments: [("TERM", SIGTERM), ("INT", SIGINT), ("QUIT", SIGQUIT)])
    func signalled(name: String, signal: Int32) async throws {
        let directory = try TemporaryDirectory()
        let output = try FileDescriptor(opening: directory.file("said"), O_WRONLY | O_CREAT)
        var command = Command("/bin/sh", ["-c", "trap 'exit 5' \(name); echo ready; while :; do sleep 0.01; done"])
            .tied(by: program)
        command.output = .descriptor(output.rawValue)
        let child = try TestChild(command)
        try await eventually("it runs") { try !Files.read(directory.file("said")).isEmpty }
        child.kill(signal)
        #expect(try await child.exit() == .exited(5))
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
