import ArgumentParser

/// A yes before something is lost.
struct ConfirmationOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Answer yes instead of being asked.")
    var yes = false

    /// Says what is at stake and asks. Ends the command without a yes, also where nobody can be asked.
    /// - Parameter answer: reads a line from whoever sits there; nil when nobody does.
    func confirm(
        _ stake: String, question: String,
        answer: (() -> String?)? = Console.inputIsTerminal ? { readLine() } : nil
    ) throws {
        Console.error(stake)
        if yes { return }
        guard let answer else {
            throw Failure(.failed, "nothing was done: add --yes to go on (nobody can be asked without a terminal)")
        }
        Console.progress("\(question) Type yes: ")
        guard answer()?.lowercased() == "yes" else { throw Failure(.failed, "nothing was done") }
    }
}
