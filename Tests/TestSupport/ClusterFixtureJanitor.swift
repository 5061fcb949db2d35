import Glibc
import Platform

/// A process that outlives the tests by a moment: whichever way they end, the members that they started are killed and
/// their directories are removed.
enum ClusterJanitor {
    /// - Parameter directory: removed at the end, after all processes that belong to it were killed.
    static func look(after directory: String) {
        guard let lifeline else { return }
        _ = (directory + "\n").withCString { Glibc.write(lifeline, $0, strlen($0)) }
    }

    /// Three rounds: what is killed first may just have started something.
    private static let script = """
        all=''
        while read -r directory; do all="$all $directory"; done
        for round in 1 2 3; do
            for process in /proc/[0-9]*; do
                for directory in $all; do
                    for place in "$(readlink "$process/cwd")" "$(readlink "$process/fd/2")"; do
                        case "$place/" in "$directory"/*) kill -KILL "${process#/proc/}" && continue 3 ;; esac
                    done
                done
            done
            sleep 0.2
        done 2>/dev/null
        for directory in $all; do
            umount "$directory"/full 2>/dev/null
            rm -rf "$directory"
        done
        """

    /// Write end of its standard input; the other end reads the end of this process.
    private static let lifeline: Int32? = {
        guard let pipe = try? Pipe.makePipe() else { return nil }
        var command = Command("/bin/sh", ["-c", script])
        command.input = .descriptor(pipe.read)
        command.output = .null
        command.error = .null
        _ = try? TestChildren.registry.spawn(command) { _, _ in }
        close(pipe.read)
        return pipe.write
    }()
}
