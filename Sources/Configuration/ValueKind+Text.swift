import ClusterModel

extension ValueKind where Value == String {
    /// Any text on one line.
    static func text(_ allowed: String, atMost limit: Int = 1000) -> ValueKind {
        ValueKind(allowed) { TextRules.isOneLine($0) && (1...limit).contains($0.utf8.count) ? $0 : nil }
    }

    /// Names that fit into host names, slot names, folders and labels alike.
    static var name: ValueKind {
        ValueKind(TextRules.nameAllowed) { TextRules.isName($0) ? $0 : nil }
    }

    static var absolutePath: ValueKind {
        ValueKind("an absolute path without '..'") { text in
            TextRules.isAbsolutePath(text) ? text : nil
        }
    }

    static var bucket: ValueKind {
        ValueKind("the name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.'") { text in
            // Old buckets may have capitals and underscores.
            let known = text.utf8.allSatisfy {
                TextRules.isLowerCaseOrDigit($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                    || "-._".utf8.contains($0)
            }
            return known && (3...255).contains(text.utf8.count) && !text.hasPrefix(".") && !text.contains("..")
                ? text : nil
        }
    }

    /// Names joined by `/`; those at the ends are taken away.
    static var keyPrefix: ValueKind {
        ValueKind("names joined by '/', none of which begins with a dot") { text in
            let parts = text.split(separator: "/")
            guard TextRules.isOneLine(text), text.utf8.count <= 512, !parts.isEmpty,
                !parts.contains(where: { $0.hasPrefix(".") })
            else { return nil }
            return parts.joined(separator: "/")
        }
    }

    /// Where a server listens: addresses of this machine, or all of them.
    static var listenAddress: ValueKind {
        ValueKind("an address or host name to listen on, such as 0.0.0.0, :: or 127.0.0.1") { text in
            TextRules.isHost(text) ? text : nil
        }
    }

    /// `listen_addresses` of postgres: a comma-separated list, or `*`.
    static var listenAddresses: ValueKind {
        ValueKind("addresses or host names separated by commas, such as 0.0.0.0 or 10.0.0.1,127.0.0.1, or *") { text in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }
            return text == "*" || parts.allSatisfy { TextRules.isHost(String($0)) } ? text : nil
        }
    }

    /// Where others reach this member.
    static var reachableHost: ValueKind {
        ValueKind("an address or host name that other members can reach, such as 10.0.0.1 or pg-1.pg.svc") { text in
            TextRules.isHost(text) && !["0.0.0.0", "::"].contains(text) ? text : nil
        }
    }

    /// Names of database roles that need no thought about quoting anywhere.
    static var roleName: ValueKind {
        ValueKind("a role name of 1 to 63 lower-case letters, digits and _ that does not begin with a digit or pg_") {
            text in
            let characters = text.utf8
            let known = characters.allSatisfy { TextRules.isLowerCaseOrDigit($0) || $0 == UInt8(ascii: "_") }
            let startsWell = characters.first.map { !TextRules.isDigit($0) } ?? false
            return known && startsWell && characters.count <= 63 && !text.hasPrefix("pg_") ? text : nil
        }
    }
}

extension ValueKind where Value == MemberName {
    static var memberName: ValueKind {
        ValueKind(TextRules.nameAllowed) { TextRules.isName($0) ? MemberName($0) : nil }
    }
}

/// What several kinds of text have in common.
enum TextRules {
    static let nameAllowed =
        "1 to 63 lower-case letters, digits and '-' that begin and end with a letter or digit, such as pg-1"

    /// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 characters: a DNS label.
    static func isName(_ text: String) -> Bool {
        let characters = text.utf8
        guard (1...63).contains(characters.count), let first = characters.first, let last = characters.last else {
            return false
        }
        return isLowerCaseOrDigit(first) && isLowerCaseOrDigit(last)
            && characters.allSatisfy { isLowerCaseOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    /// Values of Kubernetes' labels, and the names behind the slash of their keys.
    static func isLabel(_ text: String) -> Bool {
        let characters = text.utf8
        func isAlphanumeric(_ character: UInt8) -> Bool {
            isDigit(character) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character | 0x20)
        }
        guard (1...63).contains(characters.count), let first = characters.first, let last = characters.last else {
            return false
        }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && characters.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    static func isLowerCaseOrDigit(_ character: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character) || isDigit(character)
    }

    static func isDigit(_ character: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
    }

    /// Neither line breaks nor other control characters, which would change the meaning of files that we write.
    static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x2028 && $0.value != 0x2029
        }
    }

    static func isAbsolutePath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count < 1024 && isOneLine(text)
            && !text.split(separator: "/").contains("..")
    }

    /// A host name, or an IPv4 or IPv6 address without brackets.
    static func isHost(_ text: String) -> Bool {
        let characters = text.utf8
        guard (1...253).contains(characters.count) else { return false }
        if text.contains(":") {
            return characters.allSatisfy { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") || isHexDigit($0) }
                && text.count { $0 == ":" } >= 2
        }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        if labels.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }) {
            return labels.count == 4 && labels.allSatisfy { UInt8($0) != nil }
        }
        return labels.allSatisfy { isName($0.lowercased()) }
    }

    private static func isHexDigit(_ character: UInt8) -> Bool {
        isDigit(character) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(character | 0x20)
    }
}
