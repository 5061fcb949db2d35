import Platform

extension S3Credentials {
    /// One value a file, with white space around it allowed.
    static func read(
        accessKeyID: String, secretAccessKey: String, sessionToken: String?
    ) throws(ObjectStoreError) -> S3Credentials {
        S3Credentials(
            accessKeyID: try value(in: accessKeyID), secretAccessKey: try value(in: secretAccessKey),
            sessionToken: try sessionToken.map { path throws(ObjectStoreError) in try value(in: path) })
    }

    /// A section of a file in the form of `~/.aws/credentials`.
    static func read(sharedFile path: String, profile: String) throws(ObjectStoreError) -> S3Credentials {
        var section = ""
        var values: [String: String] = [:]
        for line in try text(of: path).split(whereSeparator: \.isNewline).map(\.trimmed) {
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = line.dropFirst().dropLast().trimmed
            } else if section == profile, !line.hasPrefix("#"), !line.hasPrefix(";"),
                let equals = line.firstIndex(of: "=")
            {
                values[line[..<equals].trimmed.lowercased()] = line[line.index(after: equals)...].trimmed
            }
        }
        guard let key = values.nonEmpty("aws_access_key_id"), let secret = values.nonEmpty("aws_secret_access_key")
        else {
            throw ObjectStoreError(
                .denied, "'\(path)' has no aws_access_key_id and aws_secret_access_key in its section [\(profile)]")
        }
        return S3Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: values.nonEmpty("aws_session_token"))
    }

    static func value(in path: String) throws(ObjectStoreError) -> String {
        let value = try text(of: path).trimmed
        guard !value.isEmpty else { throw ObjectStoreError(.denied, "credentials for S3: '\(path)' is empty") }
        guard !value.contains(where: \.isNewline) else {
            throw ObjectStoreError(.denied, "credentials for S3: '\(path)' has more than one line")
        }
        return value
    }

    private static func text(of path: String) throws(ObjectStoreError) -> String {
        do throws(SystemError) { return try Files.readText(path, limit: 64 << 10) } catch {
            throw ObjectStoreError(.denied, "credentials for S3: \(error)")
        }
    }
}
