extension S3Store {
    package func list(_ prefix: String, after: ObjectKey?, recursive: Bool) throws(ObjectStoreError) -> ObjectPage {
        guard prefix.isEmpty || (prefix.hasSuffix("/") && ObjectKey(String(prefix.dropLast())).isWellFormed) else {
            throw ObjectStoreError(.invalidKey, "'\(prefix)' is no valid prefix of objects")
        }
        let what = "list '\(prefix)' of \(self)"
        var token: String?
        while true {
            var request = S3Request("GET", nil)
            request.query = [
                ("list-type", "2"), ("prefix", base + prefix), ("encoding-type", "url"),
                ("max-keys", "\(Self.pageSize)"),
            ]
            if !recursive { request.query.append(("delimiter", "/")) }
            if let token {
                request.query.append(("continuation-token", token))
            } else if let after {
                // Behind a folder is behind all that is in it.
                let end = after.text.hasSuffix("/") ? "\u{10FFFF}" : ""
                request.query.append(("start-after", base + after.text + end))
            }
            request.expectsXML = true
            request.responseLimit = 16 << 20
            let answer = try client.send(request, what)
            guard answer.isSuccess, let root = XMLElement(parsing: answer.body) else {
                throw client.error(answer, what)
            }
            guard root.name == "ListBucketResult", let truncated = root.text("IsTruncated")?.trimmed else {
                throw ObjectStoreError(.unavailable, "\(what): the answer is <\(root.name)>, which is no listing")
            }
            let (page, last) = try Self.page(of: root, base: base, after: after, what)
            guard truncated == "true" else { return page }
            // Some stores send pages with nothing in them.
            if let last {
                if let after, last <= after {
                    throw ObjectStoreError(.unavailable, "\(what): the store does not go on behind '\(after)'")
                }
                var page = page
                page.next = last
                return page
            }
            guard let following = root.text("NextContinuationToken"), following != token else {
                throw ObjectStoreError(.unavailable, "\(what): the store sends the listing only in part")
            }
            token = following
        }
    }

    /// What the prefix of the store adds to every key.
    private var base: String { settings.prefix.isEmpty ? "" : "\(settings.prefix)/" }

    /// - Returns: what of the page is an object or a folder to us, and the last entry of it, whatever it is.
    static func page(
        of root: XMLElement, base: String, after: ObjectKey?, _ what: String
    ) throws(ObjectStoreError) -> (page: ObjectPage, last: ObjectKey?) {
        let isEncoded = root.text("EncodingType")?.trimmed == "url"
        func key(_ text: String?) throws(ObjectStoreError) -> ObjectKey {
            guard let text else { throw ObjectStoreError(.unavailable, "\(what): an entry has no name") }
            let whole = isEncoded ? PercentEncoding.decodeForm(text) : text
            guard whole.utf8.starts(with: base.utf8) else {
                throw ObjectStoreError(.unavailable, "\(what): the store lists '\(whole)' as well, which is elsewhere")
            }
            return ObjectKey(String(decoding: whole.utf8.dropFirst(base.utf8.count), as: UTF8.self))
        }
        var page = ObjectPage(objects: [], folders: [], next: nil)
        var last: ObjectKey?
        for entry in root.all("Contents") {
            let key = try key(entry.text("Key"))
            last = max(last ?? key, key)
            guard let size = entry.text("Size").flatMap({ UInt64($0.trimmed) }) else {
                throw ObjectStoreError(.unavailable, "\(what): '\(key)' has no size")
            }
            // What others use as a folder is no object, nor is what begins with a dot.
            guard key.isWellFormed, after.map({ key > $0 }) ?? true else { continue }
            let modified = entry.text("LastModified").flatMap { S3Moment(iso8601: $0.trimmed) }
            page.objects.append(ObjectInfo(key: key, size: size, modified: modified?.seconds))
        }
        for entry in root.all("CommonPrefixes") {
            let folder = try key(entry.text("Prefix"))
            last = max(last ?? folder, folder)
            let isFolder = folder.text.hasSuffix("/") && ObjectKey(String(folder.text.dropLast())).isWellFormed
            if isFolder, after.map({ folder > $0 }) ?? true { page.folders.append(folder.text) }
        }
        page.objects.sort { $0.key < $1.key }
        page.folders.sort { ObjectKey($0) < ObjectKey($1) }
        return (page, last)
    }

    private static let pageSize = 1000
}
