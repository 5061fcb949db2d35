import Platform
import Testing

@Suite struct ExitStatusTests {
    @Test("an exit status says in words how a process ended")
    func description() {
        #expect(Platform.ExitStatus.exited(3).description == "exit code 3")
        #expect(Platform.ExitStatus.signalled(9).description == "killed by SIGKILL")
        #expect(Platform.ExitStatus.signalled(34).description == "killed by signal 34")
        #expect(Platform.ExitStatus.exited(0).isSuccess)
        #expect(!Platform.ExitStatus.exited(1).isSuccess)
    }
}
