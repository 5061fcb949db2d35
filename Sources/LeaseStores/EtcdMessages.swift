import FoundationEssentials

/// What goes to and fro over etcd's JSON gateway. Keys and values are base64, 64-bit numbers are strings, and what is
/// zero, false or empty is left out of answers. Names are those of etcd in camel case.
enum EtcdMessages {
    struct Range: Encodable {
        var key: String
    }

    struct Transaction: Encodable {
        var compare: [Comparison]
        var success: [Operation]
        var failure: [Operation]
    }

    struct Comparison: Encodable {
        var key: String
        var target: String
        var result = "EQUAL"
        var createRevision: String?
        var modRevision: String?
        var value: String?
    }

    struct Operation: Encodable {
        var requestPut: Put?
        var requestRange: Range?
    }

    struct Put: Encodable {
        var key: String
        var value: String
    }

    struct Authentication: Encodable {
        var name: String
        var password: String
    }

    struct Watch: Encodable {
        struct Create: Encodable {
            var key: String
        }
        var createRequest: Create
    }

    // MARK: - Answers

    struct Header: Decodable {
        var clusterId: String
        var revision: String
    }

    struct KeyValue: Decodable {
        var createRevision: String
        var modRevision: String
        var value: String?
    }

    struct RangeAnswer: EtcdAnswer {
        var header: Header
        var kvs: [KeyValue]?
    }

    struct TransactionAnswer: EtcdAnswer {
        struct Part: Decodable {
            struct Range: Decodable {
                var kvs: [KeyValue]?
            }
            var responseRange: Range?
        }
        var header: Header
        var succeeded: Bool?
        var responses: [Part]?
    }

    struct TokenAnswer: EtcdAnswer {
        var header: Header
        var token: String
    }

    /// What the gateway says instead of an answer.
    struct Refusal: Decodable {
        var message: String?
        var error: String?
        /// As in gRPC.
        var code: Int?
    }

    /// One line of a watch.
    struct WatchLine: Decodable {
        struct Result: Decodable {
            var created: Bool?
            var canceled: Bool?
            var cancelReason: String?
            var compactRevision: String?
            /// Their content does not matter here.
            var events: [Event]?
        }
        struct Event: Decodable {}
        struct Failure: Decodable {
            var message: String?
        }
        var result: Result?
        var error: Failure?
    }

    static func encode(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(try encoder.encode(message))
    }

    static func decode<Message: Decodable>(_ type: Message.Type, from bytes: some Sequence<UInt8>) throws -> Message {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(bytes))
    }

    static func base64(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }
}

/// An answer of etcd that says which cluster it is from, and at which revision.
protocol EtcdAnswer: Decodable {
    var header: EtcdMessages.Header { get }
}
