extension S3Store {
    /// By the store's clock. A long upload of somebody who is still at it is left alone: its newest part counts.
    package func removeAbandonedUploads(under prefix: String, olderThan age: Duration) throws(ObjectStoreError) {
        let what = "look for abandoned uploads to \(self)"
        let base = (settings.prefix.isEmpty ? "" : "\(settings.prefix)/") + prefix
        var marker: (key: String, upload: String)?
        while true {
            var request = S3Request("GET", nil)
            request.query = [("uploads", ""), ("prefix", base), ("encoding-type", "url")]
            if let marker { request.query += [("key-marker", marker.key), ("upload-id-marker", marker.upload)] }
            let (root, answer) = try document(request, what)
            let isEncoded = root.text("EncodingType")?.trimmed == "url"
            func decoded(_ text: String?) -> String? { isEncoded ? text.map(PercentEncoding.decodeForm) : text }
            let now = answer.headers["date"].flatMap { S3Moment(http: $0) } ?? client.now
            let limit = S3Moment(seconds: now.seconds - age.components.seconds)
            for entry in root.all("Upload") {
                guard let path = decoded(entry.text("Key")), path.utf8.starts(with: base.utf8),
                    let upload = entry.text("UploadId")?.trimmed,
                    let begun = entry.text("Initiated").flatMap({ S3Moment(iso8601: $0.trimmed) }), begun < limit,
                    try lastWritten(path, upload, what) ?? begun < limit
                else { continue }
                var request = S3Request("DELETE", path)
                request.query = [("uploadId", upload)]
                let answer = try client.send(request, what)
                guard answer.isSuccess || answer.status == 404 else { throw client.error(answer, what) }
            }
            guard root.text("IsTruncated")?.trimmed == "true", let key = decoded(root.text("NextKeyMarker")) else {
                return
            }
            let following = (key: key, upload: root.text("NextUploadIdMarker") ?? "")
            guard marker.map({ $0 != following }) ?? true else { return }
            marker = following
        }
    }

    /// When the newest part of an upload came in; nil when there is none.
    private func lastWritten(
        _ path: String, _ upload: String, _ what: String
    ) throws(ObjectStoreError) -> S3Moment? {
        var newest: S3Moment?
        var marker: String?
        while true {
            var request = S3Request("GET", path)
            request.query = [("uploadId", upload)]
            if let marker { request.query.append(("part-number-marker", marker)) }
            let answer = try client.send(expectingXML(request), what)
            // Completed or aborted by now.
            if answer.status == 404 { return client.now }
            guard answer.isSuccess, let root = XMLElement(parsing: answer.body) else {
                throw client.error(answer, what)
            }
            for part in root.all("Part") {
                guard let moment = part.text("LastModified").flatMap({ S3Moment(iso8601: $0.trimmed) }) else {
                    // Nobody knows: then it is young.
                    return client.now
                }
                newest = max(newest ?? moment, moment)
            }
            guard root.text("IsTruncated")?.trimmed == "true", let next = root.text("NextPartNumberMarker"),
                next != marker
            else { return newest }
            marker = next
        }
    }

    private func document(
        _ request: S3Request, _ what: String
    ) throws(ObjectStoreError) -> (root: XMLElement, answer: S3Answer) {
        let answer = try client.send(expectingXML(request), what)
        guard answer.isSuccess, let root = XMLElement(parsing: answer.body) else { throw client.error(answer, what) }
        return (root, answer)
    }

    private func expectingXML(_ request: S3Request) -> S3Request {
        var request = request
        request.expectsXML = true
        request.responseLimit = 16 << 20
        return request
    }
}
