import NIOCore
import NIOHTTP1

/// Puts the parts of a request together, within limits. Pure: it neither reads nor writes.
struct RequestAssembler {
    enum Step {
        /// More parts have to come.
        case more
        /// The client waits for `100 Continue` before it sends the body.
        case moreAfterContinue
        case complete(ManagementRequest)
        /// Cannot be answered otherwise; what still comes of the request must not be read as the next one.
        case refused(HTTPRequestHead, ManagementResponse)
    }

    private let bodyBytes: Int
    private let peerIsLocal: Bool
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(bodyBytes: Int, peerIsLocal: Bool) {
        self.bodyBytes = bodyBytes
        self.peerIsLocal = peerIsLocal
    }

    mutating func take(_ part: HTTPServerRequestPart) -> Step {
        switch part {
        case .head(let next):
            head = next
            body = []
            return take(next)
        case .body(let bytes):
            guard let head else { return .more }
            guard body.count + bytes.readableBytes <= bodyBytes else { return refuseLargeBody(of: head) }
            body.append(contentsOf: bytes.readableBytesView)
            return .more
        case .end:
            guard let head else { return .more }
            let request = ManagementRequest(head: head, body: body, peerIsLocal: peerIsLocal)
            self.head = nil
            body = []
            return .complete(request)
        }
    }

    private mutating func take(_ head: HTTPRequestHead) -> Step {
        if head.version != .http1_0, head.headers["Host"].count != 1 {
            return refuse(head, .problem(.badRequest, "a request must have one Host header"))
        }
        if let length = head.headers.first(name: "Content-Length").flatMap({ Int($0) }), length > bodyBytes {
            return refuseLargeBody(of: head)
        }
        guard let expectation = head.headers.first(name: "Expect"), head.version != .http1_0 else { return .more }
        guard expectation.lowercased() == "100-continue" else {
            return refuse(head, .problem(.expectationFailed, "the only expectation that can be met is 100-continue"))
        }
        return .moreAfterContinue
    }

    private mutating func refuseLargeBody(of head: HTTPRequestHead) -> Step {
        refuse(
            head, .problem(.payloadTooLarge, "the body is too large", hint: "at most \(bodyBytes) bytes are read"))
    }

    private mutating func refuse(_ head: HTTPRequestHead, _ response: ManagementResponse) -> Step {
        self.head = nil
        body = []
        return .refused(head, response)
    }

    /// What a client gets that does not speak HTTP/1, or says too much.
    static func refusal(of error: HTTPParserError) -> ManagementResponse {
        switch error {
        case .headerOverflow: .problem(.requestHeaderFieldsTooLarge, "the header is too large")
        case .invalidVersion: .problem(.httpVersionNotSupported, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        default: .problem(.badRequest, "the request is not valid HTTP/1")
        }
    }
}
