/// One mistake: where it is, which key it is about, what was found there and what is allowed instead.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where a value was read.
    package enum Place: Hashable, Sendable {
        /// Both count from 1; columns are Unicode scalars.
        case file(path: String, line: Int, column: Int)
        /// The whole file: it cannot be read, for instance.
        case wholeFile(path: String)
        /// The name of an environment variable.
        case environment(String)
    }

    package let place: Place
    /// Dotted path such as `lease.renewEvery`; empty when the mistake is about the file as a whole.
    package let key: String
    package let found: String
    package let allowed: String

    package init(place: Place, key: String, found: String, allowed: String) {
        self.place = place
        self.key = key
        self.found = found
        self.allowed = allowed
    }

    /// `file:line:column: key: what was found; what is allowed`, on one line.
    package var description: String {
        let prefix =
            switch place {
            case .file(let path, let line, let column): "\(path):\(line):\(column): "
            case .wholeFile(let path): "\(path): "
            case .environment(let name): "environment variable \(name): "
            }
        return prefix + (key.isEmpty ? "" : key + ": ") + found + "; " + allowed
    }

    /// Mistakes of the file by line and column, then those of the environment by name.
    var order: (Int, Int, Int, String, String) {
        switch place {
        case .wholeFile: (0, 0, 0, "", key)
        case .file(_, let line, let column): (1, line, column, "", key)
        case .environment(let name): (2, 0, 0, name, key)
        }
    }
}

/// Every mistake that was found, in the order in which people read them.
package struct ConfigurationErrors: Error, Hashable, Sendable, CustomStringConvertible {
    package let errors: [ConfigurationError]

    package init(_ errors: [ConfigurationError]) {
        self.errors = errors.sorted { $0.order < $1.order }
    }

    /// One mistake a line.
    package var description: String { errors.map(\.description).joined(separator: "\n") }
}
