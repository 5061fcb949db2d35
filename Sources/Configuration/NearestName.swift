/// Finds the name that somebody probably meant.
enum NearestName {
    /// The candidate that takes the fewest edits to reach; nil when none is near enough to be worth a suggestion.
    /// Case and separators do not count: `max_lag` and `maxLag` are the same word.
    static func find(_ name: String, among candidates: [String]) -> String? {
        let wanted = plain(name)
        let ranked = candidates.map { (candidate: $0, distance: distance(wanted, plain($0))) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(2, wanted.count / 3) ? best.candidate : nil
    }

    private static func plain(_ name: String) -> [Character] {
        name.lowercased().filter { $0 != "_" && $0 != "-" }.map { $0 }
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func distance(_ left: [Character], _ right: [Character]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 1...left.count {
            var row = [i]
            for j in 1...right.count {
                let replace = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                var best = min(last[j] + 1, row[j - 1] + 1, replace)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    best = min(best, beforeLast[j - 2] + 1)
                }
                row.append(best)
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
