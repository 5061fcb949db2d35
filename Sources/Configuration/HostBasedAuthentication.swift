/// What can be told of a line of pg_hba.conf without a server.
enum HostBasedAuthentication {
    private static let types = ["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"]
    private static let methods = [
        "trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer", "ldap", "radius", "cert",
        "pam", "bsd", "oauth",
    ]

    /// What a good line would be; nil when the line is one.
    static func problem(of line: String) -> String? {
        guard TextRules.isOneLine(line.replacing("\t", with: " ")) else { return "one line an entry" }
        let fields = line.split { $0 == " " || $0 == "\t" }
        guard let type = fields.first.map(String.init), types.contains(type) else {
            return "a line that begins with " + types.dropLast().joined(separator: ", ") + " or " + (types.last ?? "")
        }
        let needed = type == "local" ? 4 : 5
        guard fields.count >= needed else {
            return type == "local" ? "local DATABASE USER METHOD" : "\(type) DATABASE USER ADDRESS METHOD"
        }
        // An address may be followed by a mask in a field of its own.
        let candidates = type == "local" ? fields[3...3] : fields[4...min(5, fields.count - 1)]
        guard candidates.contains(where: { methods.contains(String($0)) }) else {
            return "a line whose method is one of " + methods.joined(separator: ", ")
        }
        return nil
    }
}
