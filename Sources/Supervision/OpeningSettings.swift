import ClusterModel

/// What a primary's files say beside the configuration: whom commits wait for, and whether ordinary clients are let in.
struct OpeningSettings: Hashable, Sendable {
    var synchronous = SynchronousSetting.none
    var admitsClients = true

    init(synchronous: SynchronousSetting = .none, admitsClients: Bool = true) {
        self.synchronous = synchronous
        self.admitsClients = admitsClients
    }

    /// Of a standby, which waits for nobody: commits wait from its promotion on, also before the setting of its opening
    /// has reached every process of it.
    static func standby(
        mode: SynchronousMode, required: Int, members: some Sequence<MemberName>, me: MemberName
    ) -> OpeningSettings {
        guard mode.isLossless else { return OpeningSettings() }
        return OpeningSettings(
            synchronous: SynchronousSetting(members: members.filter { $0 != me }, required: max(1, required)))
    }
}
