import CCurl
import CCurlShim
import ClusterModel
import Platform

/// One request on its way, in a libcurl handle of its own. Confined to the thread of the client.
final class Transfer {
    let easy: UnsafeMutableRawPointer
    let receiver: Receiver
    private let headerList: HeaderList
    /// libcurl writes its message there until the handle is gone.
    private let message: UnsafeMutablePointer<CChar>
    private let request: HTTPRequest
    private var detour: StringList?
    private var bodySent = 0
    private var body: [UInt8] = []
    private var head = ResponseHead()
    private var overflowed = false
    private var idle: IdleBound?

    init(_ request: HTTPRequest, _ receiver: Receiver) throws(HTTPError) {
        headerList = try HeaderList(request)
        guard let easy = curl_easy_init() else { throw .invalid("libcurl has no handle left") }
        self.easy = easy
        self.receiver = receiver
        self.request = request
        idle = request.idleTimeout.map { IdleBound($0, now: BootClock.now()) }
        message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try configure()
    }

    deinit {
        curl_easy_cleanup(easy)
        message.deallocate()
    }

    private func configure() throws(HTTPError) {
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
        // A peer that vanished without a word breaks the connection within half a minute.
        try check(ccs_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1), "TCP_KEEPALIVE")
        try check(ccs_set_long(easy, CURLOPT_TCP_KEEPIDLE, 10), "TCP_KEEPIDLE")
        try check(ccs_set_long(easy, CURLOPT_TCP_KEEPINTVL, 5), "TCP_KEEPINTVL")
        try check(ccs_set_list(easy, CURLOPT_HTTPHEADER, headerList.first), "HTTPHEADER")
        if let place = request.connectTo {
            detour = try StringList(["::" + place])
            try check(ccs_set_list(easy, CURLOPT_CONNECT_TO, detour?.first), "CONNECT_TO")
        }
        if isTLS { try configureTLS(easy, request.tls, check) }

        // The handle never outlives this object.
        let context = Unmanaged.passUnretained(self).toOpaque()
        if request.method == "HEAD" {
            try check(ccs_set_long(easy, CURLOPT_NOBODY, 1), "NOBODY")
        } else {
            if !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
                try configureBody(context)
            }
            try check(ccs_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method), "CUSTOMREQUEST")
            if case .whole = receiver.form {
                // A length that is announced ends the transfer before it begins; HEAD announces what it does not send.
                try check(
                    ccs_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(max(1, request.responseLimit))),
                    "MAXFILESIZE")
            }
        }
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

    /// libcurl begins a request anew by itself when a kept connection turns out to be broken. For that it needs the
    /// body, or a way back in it; where it has neither, it gives up instead. A small body goes out together with the
    /// head; a large one is read from where it lies.
    private func configureBody(_ context: UnsafeMutableRawPointer) throws(HTTPError) {
        if request.body.isEmpty || request.resends && request.body.count <= Self.smallBody {
            return try check(ccs_set_body(easy, request.body, request.body.count), "COPYPOSTFIELDS")
        }
        try check(ccs_set_upload(easy, request.body.count), "POSTFIELDSIZE")
        try check(ccs_set_pointer(easy, CURLOPT_READDATA, context), "READDATA")
        try check(
            ccs_set_receiver(easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
                Transfer.of(context)?.sendBody(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
                    ?? Int(CURL_READFUNC_ABORT)
            }, "READFUNCTION")
        guard request.resends else { return }
        try check(ccs_set_pointer(easy, CURLOPT_SEEKDATA, context), "SEEKDATA")
        try check(
            ccs_set_seeker(easy) { context, offset, origin in
                guard origin == SEEK_SET, let transfer = Transfer.of(context), transfer.seekBody(offset) else {
                    return CURL_SEEKFUNC_CANTSEEK
                }
                return CURL_SEEKFUNC_OK
            }, "SEEKFUNCTION")
    }

    private var isTLS: Bool { request.url.lowercased().hasPrefix("https:") }

    private func check(_ code: CURLcode, _ option: String) throws(HTTPError) {
        if code != CURLE_OK { throw .invalid("\(option): \(String(cString: curl_easy_strerror(code)))") }
    }

    private static let smallBody = 64 << 10

    /// 0 would mean no limit.
    private static func milliseconds(_ span: Duration) -> Int { Int(min(max(1, span.milliseconds), 86_400_000)) }

    // MARK: - Called by libcurl

    private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func sendBody(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, request.body.count - bodySent)
        request.body.withUnsafeBytes {
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[bodySent...].prefix(count)))
        }
        bodySent += count
        return count
    }

    private func seekBody(_ offset: curl_off_t) -> Bool {
        guard offset >= 0, offset <= curl_off_t(request.body.count) else { return false }
        bodySent = Int(offset)
        return true
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        idle?.noteBytes(now: BootClock.now())
        switch receiver.form {
        case .whole:
            guard body.count + bytes.count <= request.responseLimit else {
                overflowed = true
                return 0
            }
            body.append(contentsOf: bytes)
        case .stream(let stream, _, let onBytes, _):
            guard !stream.isCancelled else { return 0 }
            onBytes(Array(bytes))
        }
        return bytes.count
    }

    private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
        idle?.noteBytes(now: BootClock.now())
        let wasComplete = head.isComplete
        guard head.append(line) else {
            overflowed = true
            return 0
        }
        if case .stream(let stream, let onHead, _, _) = receiver.form, head.isComplete, !wasComplete {
            guard !stream.isCancelled else { return 0 }
            onHead(HTTPResponseHead(status: head.status, headers: head.fields))
        }
        return line.count
    }

    // MARK: - The end

    /// When there will be something to decide about idleness; nil: never.
    var idleDeadline: Instant? { idle?.deadline }

    /// Whether nothing went to and fro for too long.
    func isIdle(now: Instant) -> Bool { idle?.isExceeded(now: now, sent: bodySent) ?? false }

    func result(_ outcome: CURLcode) -> Result<HTTPResponse, HTTPError> {
        if receiver.isCancelled { return .failure(.stopped) }
        if overflowed { return .failure(.tooLarge) }
        guard outcome != CURLE_OK else {
            return .success(
                HTTPResponse(
                    status: ccs_response_code(easy), body: body, headers: head.fields,
                    openedConnection: ccs_connections_opened(easy) > 0))
        }
        // libcurl's message names host and port, never the path or a header.
        return .failure(
            HTTPError(
                outcome, detail: String(cString: message), tls: request.tls,
                wasSilent: isTLS && head.status == 0 && ccs_connections_opened(easy) > 0))
    }
}
