import CCurl

/// The headers of a request in libcurl's form; they have to live as long as the transfer.
final class HeaderList {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    init(_ request: HTTPRequest) throws(HTTPError) {
        // libcurl would wait for a 100 Continue before large bodies, which few servers send at once.
        var lines = ["Expect:"]
        for (name, value) in request.headers {
            // A line break would begin a header, or a request, of the value's choosing.
            guard Self.isToken(name), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
                throw .invalid("the header '\(name)' cannot be sent")
            }
            // An empty value takes libcurl's own header out unless it is written like this.
            lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
        }
        // Nor shall it call every body a form.
        if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) { lines.append("Content-Type:") }
        for line in lines {
            guard let longer = curl_slist_append(first, line) else { throw .invalid("no memory for the headers") }
            first = longer
        }
    }

    deinit { curl_slist_free_all(first) }

    /// RFC 9110: what methods and names of headers are made of.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

/// Texts in libcurl's form; they have to live as long as the transfer.
final class StringList {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    init(_ texts: [String]) throws(HTTPError) {
        for text in texts {
            guard let longer = curl_slist_append(first, text) else { throw .invalid("no memory for a list") }
            first = longer
        }
    }

    deinit { curl_slist_free_all(first) }
}
