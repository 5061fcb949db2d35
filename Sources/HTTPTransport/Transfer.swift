import CCurl
import CCurlShim
import ClusterModel

/// One request on its way, in a libcurl handle of its own. Confined to the thread of the client.
final class Transfer {
    let easy: UnsafeMutableRawPointer
    let completion: HTTPClient.Completion
    private let headerList: HeaderList
    /// libcurl writes its message there until the handle is gone.
    private let message: UnsafeMutablePointer<CChar>
    private let responseLimit: Int
    private var body: [UInt8] = []
    private var head = ResponseHead()
    private var overflowed = false

    init(_ request: HTTPRequest, _ completion: @escaping HTTPClient.Completion) throws(HTTPError) {
        headerList = try HeaderList(request)
        guard let easy = curl_easy_init() else { throw .invalid("libcurl has no handle left") }
        self.easy = easy
        self.completion = completion
        responseLimit = request.responseLimit
        message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try configure(request)
    }

    deinit {
        curl_easy_cleanup(easy)
        message.deallocate()
    }

    private func configure(_ request: HTTPRequest) throws(HTTPError) {
        guard HeaderList.isToken(request.method) else { throw .invalid("'\(request.method)' is no method") }
        try check(ccs_set_pointer(easy, CURLOPT_ERRORBUFFER, message), "ERRORBUFFER")
        try check(ccs_set_string(easy, CURLOPT_URL, request.url), "URL")
        try check(ccs_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https"), "PROTOCOLS_STR")
        try check(ccs_set_string(easy, CURLOPT_PROXY, ""), "PROXY")
        try check(ccs_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)), "HTTP_VERSION")
        try check(ccs_set_long(easy, CURLOPT_PATH_AS_IS, 1), "PATH_AS_IS")
        // libcurl's timeouts would use signals otherwise.
        try check(ccs_set_long(easy, CURLOPT_NOSIGNAL, 1), "NOSIGNAL")
        try check(ccs_set_long(easy, CURLOPT_TIMEOUT_MS, Self.milliseconds(request.timeout)), "TIMEOUT_MS")
        try check(
            ccs_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout)),
            "CONNECTTIMEOUT_MS")
        try check(ccs_set_list(easy, CURLOPT_HTTPHEADER, headerList.first), "HTTPHEADER")

        if request.method == "HEAD" {
            try check(ccs_set_long(easy, CURLOPT_NOBODY, 1), "NOBODY")
        } else {
            if !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
                try check(ccs_set_body(easy, request.body, request.body.count), "COPYPOSTFIELDS")
            }
            try check(ccs_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method), "CUSTOMREQUEST")
            // A length that is announced ends the transfer before it begins; HEAD announces what it does not send.
            try check(
                ccs_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(max(1, responseLimit))), "MAXFILESIZE")
        }

        // The handle never outlives this object.
        let context = Unmanaged.passUnretained(self).toOpaque()
        try check(ccs_set_pointer(easy, CURLOPT_WRITEDATA, context), "WRITEDATA")
        try check(ccs_set_pointer(easy, CURLOPT_HEADERDATA, context), "HEADERDATA")
        try check(
            ccs_set_receiver(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                Transfer.of(context)?.receiveBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
            }, "WRITEFUNCTION")
        try check(
            ccs_set_receiver(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                Transfer.of(context)?.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
            }, "HEADERFUNCTION")
    }

    private func check(_ code: CURLcode, _ option: String) throws(HTTPError) {
        if code != CURLE_OK { throw .invalid("\(option): \(String(cString: curl_easy_strerror(code)))") }
    }

    /// 0 would mean no limit.
    private static func milliseconds(_ span: Duration) -> Int { Int(min(max(1, span.milliseconds), 86_400_000)) }

    // MARK: - Called by libcurl

    private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard body.count + bytes.count <= responseLimit else {
            overflowed = true
            return 0
        }
        body.append(contentsOf: bytes)
        return bytes.count
    }

    private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
        guard head.append(line) else {
            overflowed = true
            return 0
        }
        return line.count
    }

    // MARK: - The end

    func result(_ outcome: CURLcode) -> Result<HTTPResponse, HTTPError> {
        if overflowed { return .failure(.tooLarge) }
        switch outcome {
        case CURLE_OK:
            return .success(
                HTTPResponse(
                    status: ccs_response_code(easy), body: body, headers: head.fields,
                    openedConnection: ccs_connections_opened(easy) > 0))
        case CURLE_OPERATION_TIMEDOUT: return .failure(.timedOut)
        case CURLE_FILESIZE_EXCEEDED: return .failure(.tooLarge)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_OUT_OF_MEMORY,
            CURLE_BAD_FUNCTION_ARGUMENT:
            return .failure(.invalid(explanation(outcome)))
        default: return .failure(.unreachable(explanation(outcome)))
        }
    }

    /// libcurl's message names host and port, never the path or a header.
    private func explanation(_ outcome: CURLcode) -> String {
        let detail = String(cString: message)
        return detail.isEmpty ? String(cString: curl_easy_strerror(outcome)) : detail
    }
}
