import CPlatform
import Glibc

/// A program to run, with all that it gets.
package struct Command: Sendable {
    /// Where one of the three standard descriptors leads.
    package enum Stream: Sendable, Hashable {
        /// /dev/null.
        case null
        /// The same as ours.
        case inherit
        /// A copy of this descriptor, which stays open here and stays the caller's to close.
        case descriptor(Int32)
    }

    /// Absolute: no PATH is searched.
    package var path: String
    /// Without the program's own name.
    package var arguments: [String]
    /// Complete: nothing is added to it.
    package var environment: [String: String]
    /// nil: ours.
    package var workingDirectory: String?
    package var input: Stream = .null
    package var output: Stream = .inherit
    package var error: Stream = .inherit

    package init(
        _ path: String, _ arguments: [String] = [], environment: [String: String] = Command.inheritedEnvironment
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
    }

    /// This process' environment as it was when first asked for.
    package static let inheritedEnvironment: [String: String] = {
        var result: [String: String] = [:]
        guard let variables = cpf_environment() else { return result }
        var index = 0
        while let variable = variables[index] {
            let text = String(cString: variable)
            if let separator = text.firstIndex(of: "=") {
                result[String(text[..<separator])] = String(text[text.index(after: separator)...])
            }
            index += 1
        }
        return result
    }()

    /// This command so that it is killed at once when this process dies: for workers that must not outlive PID 1.
    ///
    /// - Important: The kernel ties the child to the *thread* that spawns it (PR_SET_PDEATHSIG). Spawn it only from
    ///   a thread that lives as long as the process, such as PID 1's loop; never from one that ends earlier.
    /// - Parameter guardPath: where `pgmahout-guard` is.
    package func tied(by guardPath: String) -> Command {
        var tied = self
        tied.path = guardPath
        tied.arguments = ["--tie", String(getpid()), path] + arguments
        return tied
    }
}
