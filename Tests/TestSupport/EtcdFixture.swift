import ClusterModel
import FoundationEssentials
import Glibc
import HTTPTransport
import Platform
import Synchronization

/// A real etcd of one or more members on loopback, in a directory that goes with it.
package final class EtcdFixture: Sendable {
    /// What members of a cluster with TLS have.
    package struct TLS: Sendable {
        package var identity: TestCertificates.Pair
        /// Clients need a certificate of this authority; also what our own calls trust.
        package var authority: String
        /// With which the fixture's own calls come.
        package var client: TestCertificates.Pair

        package init(identity: TestCertificates.Pair, authority: String, client: TestCertificates.Pair) {
            self.identity = identity
            self.authority = authority
            self.client = client
        }
    }

    private let directory: Directory
    private let members: [EtcdMember]
    private let tls: TLS?
    private let http = HTTPClient(name: "etcd-fixture")
    private let token = Mutex<String?>(nil)
    private let asksForPasswords = Mutex(false)

    /// The clients' port of every member.
    package var ports: [Int] { members.map(\.clientPort) }
    package var urls: [String] { ports.map { "\(tls == nil ? "http" : "https")://127.0.0.1:\($0)" } }
    package var url: String { urls[0] }

    /// Returns when it takes writes.
    package init(members count: Int = 1, tls: TLS? = nil) throws {
        directory = try Directory()
        self.tls = tls
        let peers = try (0..<count).map { number in
            (name: "m\(number)", client: try EtcdPorts.take(), peer: try EtcdPorts.take())
        }
        let cluster = peers.map { "\($0.name)=http://127.0.0.1:\($0.peer)" }.joined(separator: ",")
        let directory = directory
        members = try peers.map { peer in
            try EtcdMember(
                name: peer.name, clientPort: peer.client, peerPort: peer.peer, cluster: cluster, tls: tls,
                directory: directory.file(peer.name))
        }
        try awaitWrites()
    }

    deinit {
        // Before their directory goes: they would make it anew.
        try? kill()
    }

    // MARK: - Processes

    /// SIGSTOP: all members, or one.
    package func pause(_ member: Int? = nil) throws {
        for member in chosen(member) { try member.pause() }
    }

    package func resume(_ member: Int? = nil) { for member in chosen(member) { member.resume() } }

    /// SIGKILL, and waits for the end.
    package func kill(_ member: Int? = nil) throws {
        for member in chosen(member) { try member.kill() }
    }

    package func start(_ member: Int? = nil) throws {
        for member in chosen(member) { try member.start() }
        try awaitWrites()
    }

    /// Keeps a copy of all data, as a backup does.
    package func keepCopy() throws {
        try kill()
        for member in members { try copyTree(member.data, to: member.data + ".copy") }
        try start()
    }

    /// Goes back to the copy.
    package func restoreCopy() throws {
        try kill()
        for member in members {
            try Files.removeTree(member.data)
            try copyTree(member.data + ".copy", to: member.data)
        }
        try start()
    }

    /// The preallocated parts of etcd's log are not copied byte by byte.
    private func copyTree(_ source: String, to target: String) throws {
        let copy = try TestChild(Command("/bin/cp", ["-a", "--sparse=always", source, target]))
        try eventuallyBlocking("'\(source)' is copied") { copy.status != nil }
        guard copy.status == .exited(0) else { throw SystemError("copy", path: source, code: EIO) }
    }

    private func chosen(_ member: Int?) -> [EtcdMember] { member.map { [members[$0]] } ?? members }

    private func awaitWrites() throws {
        let deadline = BootClock.now() + .seconds(20)
        while true {
            for member in members {
                if let end = member.end { throw SystemError("keep etcd running, \(end): \(member.log)", code: ECHILD) }
            }
            do { return try put("pgmahout-test-probe", Array("1".utf8)) } catch {
                guard BootClock.now() < deadline else {
                    throw SystemError("write to etcd (\(error)), which says \(members.map(\.log))", code: ETIMEDOUT)
                }
            }
            // It may have forgotten our token.
            if asksForPasswords.withLock({ $0 }) { try? authenticate() }
            usleep(10_000)
        }
    }

    // MARK: - Content

    package func put(_ key: String, _ value: [UInt8]) throws {
        _ = try call("/v3/kv/put", ["key": Self.base64(key.utf8), "value": Self.base64(value)])
    }

    package func delete(_ key: String) throws { _ = try call("/v3/kv/deleterange", ["key": Self.base64(key.utf8)]) }

    /// Makes a user that may use keys that begin with `prefix`, and then asks everybody for a password.
    package func requirePasswords(user: String, password: String, prefix: String) throws {
        _ = try call("/v3/auth/user/add", ["name": "root", "password": "root"])
        _ = try call("/v3/auth/role/add", ["name": "root"])
        _ = try call("/v3/auth/user/grant", ["user": "root", "role": "root"])
        _ = try call("/v3/auth/role/add", ["name": user])
        var end = Array(prefix.utf8)
        end[end.count - 1] += 1
        let permission = """
            {"name":"\(user)","perm":{"permType":"READWRITE","key":"\(Self.base64(prefix.utf8))",\
            "range_end":"\(Self.base64(end))"}}
            """
        _ = try call("/v3/auth/role/grant", json: permission)
        _ = try call("/v3/auth/user/add", ["name": user, "password": password])
        _ = try call("/v3/auth/user/grant", ["user": user, "role": user])
        _ = try call("/v3/auth/enable", [:])
        asksForPasswords.withLock { $0 = true }
        try authenticate()
    }

    package func changePassword(of user: String, to password: String) throws {
        _ = try call("/v3/auth/user/changepw", ["name": user, "password": password])
        try authenticate()
    }

    private func authenticate() throws {
        // One that is no longer good would be looked at first.
        token.withLock { $0 = nil }
        let answer = try call("/v3/auth/authenticate", ["name": "root", "password": "root"])
        struct Token: Decodable {
            var token: String
        }
        let new = try JSONDecoder().decode(Token.self, from: Data(answer)).token
        token.withLock { $0 = new }
    }

    /// Forgets all revisions before the current one.
    package func compact() throws {
        struct Answer: Decodable {
            struct Header: Decodable {
                var revision: String
            }
            var header: Header
        }
        let answer = try call("/v3/kv/range", ["key": Self.base64("x".utf8)])
        let revision = try JSONDecoder().decode(Answer.self, from: Data(answer)).header.revision
        _ = try call("/v3/kv/compaction", ["revision": revision])
    }

    private func call(_ path: String, _ fields: [String: String]) throws -> [UInt8] {
        try call(path, json: String(decoding: JSONEncoder().encode(fields), as: UTF8.self))
    }

    private func call(_ path: String, json: String) throws -> [UInt8] {
        var headers: [(String, String)] = []
        if let token = token.withLock({ $0 }) { headers.append(("Authorization", token)) }
        let settings = tls.map {
            HTTPTLS(caFile: $0.authority, certificateFile: $0.client.certificate, keyFile: $0.client.key)
        }
        let request = HTTPRequest(
            method: "POST", url: url + path, headers: headers, body: Array(json.utf8), timeout: .seconds(5),
            tls: settings ?? HTTPTLS())
        let response = try http.sendAndWait(request)
        guard response.status == 200 else {
            throw SystemError("\(path): \(String(decoding: response.body, as: UTF8.self))", code: EIO)
        }
        return response.body
    }

    private static func base64(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }
}

/// In memory where there is room for etcd's logs, 64 MB and more each: what is tested is not this machine's disk.
private final class Directory: Sendable {
    private let path: String

    init() throws {
        let memory = "/dev/shm"
        let base = ((try? Files.freeBytes(memory)) ?? 0) > 2 << 30 ? memory : "/tmp"
        path = "\(base)/pgmt-etcd-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        try Files.makeDirectory(path)
    }

    deinit {
        // Whatever is still being written by a process that was just killed is gone at the second or third try.
        for _ in 0..<50 {
            if (try? Files.removeTree(path)) != nil { return }
            usleep(20_000)
        }
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// One process of an etcd cluster.
private final class EtcdMember: Sendable {
    let clientPort: Int
    /// Its data directory.
    let data: String
    private let command: Command
    private let logPath: String
    private let child = Mutex<TestChild?>(nil)

    init(
        name: String, clientPort: Int, peerPort: Int, cluster: String, tls: EtcdFixture.TLS?, directory: String
    ) throws {
        self.clientPort = clientPort
        try Files.makeDirectory(directory)
        data = "\(directory)/data"
        logPath = "\(directory)/log"
        let client = "\(tls == nil ? "http" : "https")://127.0.0.1:\(clientPort)"
        let peer = "http://127.0.0.1:\(peerPort)"
        var arguments = [
            "--name", name, "--data-dir", data, "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
            "--logger", "zap", "--log-level", "error", "--heartbeat-interval", "20", "--election-timeout", "200",
        ]
        if let tls {
            arguments += [
                "--cert-file", tls.identity.certificate, "--key-file", tls.identity.key, "--client-cert-auth",
                "--trusted-ca-file", tls.authority,
            ]
        }
        command = Command("/usr/bin/etcd", arguments)
        try start()
    }

    func start() throws {
        let log = try FileDescriptor(opening: logPath, O_WRONLY | O_CREAT | O_APPEND)
        var command = command
        command.output = .descriptor(log.rawValue)
        command.error = command.output
        let started = try TestChild(command)
        child.withLock { $0 = started }
    }

    func kill() throws {
        guard let running = child.withLock({ $0 }) else { return }
        running.kill(SIGKILL)
        try eventuallyBlocking("etcd ends") { running.status != nil }
        child.withLock { $0 = nil }
    }

    /// How it ended, if it did by itself.
    var end: ExitStatus? { child.withLock { $0?.status } }

    /// Returns when all its threads stand still.
    func pause() throws {
        guard let child = child.withLock({ $0 }) else { return }
        child.kill(SIGSTOP)
        let tasks = "/proc/\(child.process)/task"
        try eventuallyBlocking("etcd stands still") {
            try Files.list(tasks).allSatisfy { task in
                // Behind the name, which is in parentheses.
                guard let status = try? Files.readText("\(tasks)/\(task)/stat") else { return true }
                return status.split(separator: ") ").last?.first == "T"
            }
        }
    }

    func resume() { _ = child.withLock { $0?.kill(SIGCONT) } }

    /// The end of what it said.
    var log: String { String((try? Files.readText(logPath).suffix(500)) ?? "") }
}
