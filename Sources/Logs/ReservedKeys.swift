/// The keys that every line has: whoever uses one of them for a field of its own gets it with `_` behind.
enum ReservedKeys {
    static let all: Set = ["ts", "level", "logger", "msg", "member", "part", "truncated"]
}
