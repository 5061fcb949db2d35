extension S3Store {
    /// A thousand at a time; one by one where the store does not know that.
    package func delete(_ keys: [ObjectKey]) throws(ObjectStoreError) {
        var rest = keys[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.batchSize)
            guard try deleteBatch(batch) else {
                for key in rest { try delete(key) }
                return
            }
            rest = rest.dropFirst(batch.count)
        }
    }

    /// False when the store takes no such request.
    private func deleteBatch(_ keys: ArraySlice<ObjectKey>) throws(ObjectStoreError) -> Bool {
        let what = "delete \(keys.count) objects of \(self)"
        var objects = ""
        for key in keys { objects += "<Object><Key>\(XMLElement.escape(try path(of: key)))</Key></Object>" }
        let document =
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\(objects)</Delete>"
        var request = try S3Request("POST", nil).carrying(Array(document.utf8))
        request.query = [("delete", "")]
        request.headers.append(("content-type", "application/xml"))
        request.expectsXML = true
        let answer = try client.send(request, what)
        guard answer.isSuccess, let root = XMLElement(parsing: answer.body) else {
            // Google's and others' have none of it.
            if [400, 405, 501].contains(answer.status) || answer.failure?.code == "MissingContentMD5" { return false }
            throw client.error(answer, what)
        }
        for error in root.all("Error") where error.text("Code") != "NoSuchKey" {
            let kind: ObjectStoreError.Kind = error.text("Code") == "AccessDenied" ? .denied : .unavailable
            let text = "\(error.text("Code") ?? ""): \(error.text("Message") ?? "")"
            throw ObjectStoreError(kind, "delete '\(error.text("Key") ?? "")': \(text)")
        }
        return true
    }

    private static let batchSize = 1000
}
