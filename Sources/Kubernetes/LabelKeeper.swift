import ClusterModel
import Platform
import Synchronization

/// The thread behind `PodLabels`; it must not keep that alive.
final class LabelKeeper: Sendable {
    struct State: Sendable {
        var visible = PodLabels.State()
        /// Other pods that have still to become replicas.
        var others: Set<String> = []
        /// Version of the pod that our last patch made: what the watch brings from before is old news.
        var patched: UInt64 = 0
        /// Somebody else changed the labels since then.
        var isDisturbed = false
        var watch: KubernetesWatch?
    }

    let state = Mutex(State())
    private let api: KubernetesAPI
    private let settings: PodLabelSettings
    private let confirmEvery: Duration
    private let wake: Mailbox<Void>
    private let isStopped = Atomic(false)

    init(api: KubernetesAPI, settings: PodLabelSettings, confirmEvery: Duration) throws(SystemError) {
        self.api = api
        self.settings = settings
        self.confirmEvery = confirmEvery
        wake = try Mailbox(capacity: 1)
    }

    func start(_ timing: KubernetesWatch.Timing) throws(SystemError) {
        let watch = try KubernetesWatch(api, .pods, name: settings.pod, timing: timing) { [weak self] change in
            if case .changed(let pod) = change { self?.look(at: pod) }
        }
        state.withLock { $0.watch = watch }
        try WorkerThread(name: "pod-labels", capacity: 1).submit { self.loop() }
    }

    func set(_ role: PodRole, formerPrimaries: Set<String>) {
        state.withLock { state in
            // A new wish, or the same one again: what it says of others is the latest too.
            state.visible.wanted = role
            state.others = role == .primary ? formerPrimaries.subtracting([settings.pod]) : []
        }
        wake.post(())
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        let watch = state.withLock { state in
            defer { state.watch = nil }
            return state.watch
        }
        watch?.stop()
        wake.post(())
    }

    // MARK: - The thread

    private func loop() {
        var backOff = BackOff(longest: .seconds(5))
        var confirmed: Instant?
        while !isStopped.load(ordering: .relaxed) {
            let isDue = confirmed.map { BootClock.now() >= $0 + confirmEvery } ?? true
            let work = state.withLock { state in
                (
                    role: state.visible.wanted,
                    own: isDue || state.visible.applied != state.visible.wanted || state.isDisturbed,
                    other: state.visible.applied == state.visible.wanted ? state.others.min() : nil
                )
            }
            do throws(KubernetesError) {
                if work.own {
                    try applyOwn(work.role)
                    confirmed = BootClock.now()
                } else if let other = work.other {
                    try demote(other)
                }
                backOff.reset()
                if work.own || work.other != nil { continue }
                wait(until: (confirmed ?? BootClock.now()) + confirmEvery)
            } catch {
                state.withLock { state in
                    state.visible.failures += 1
                    state.visible.lastError = error.description
                }
                wait(until: BootClock.now() + backOff.next())
            }
        }
    }

    private func wait(until deadline: Instant) {
        _ = Poll.wait([wake.wakeDescriptor], until: deadline)
        _ = wake.drain()
    }

    private func applyOwn(_ role: PodRole) throws(KubernetesError) {
        // From here on a disturbance is a new one.
        let wasDisturbed = state.withLock { state in
            defer { state.isDisturbed = false }
            return state.isDisturbed
        }
        let pod: JSONValue
        do throws(KubernetesError) {
            pod = try patch(settings.pod, uid: settings.podUID, role)
        } catch {
            state.withLock { $0.isDisturbed = $0.isDisturbed || wasDisturbed }
            throw error
        }
        state.withLock { state in
            state.patched = pod.versionNumber
            state.visible.applied = role
            state.visible.patches += 1
            state.visible.lastError = nil
            if wasDisturbed { state.visible.repairs += 1 }
        }
    }

    private func demote(_ other: String) throws(KubernetesError) {
        do throws(KubernetesError) { _ = try patch(other, uid: nil, .replica) } catch {
            guard error.refusal?.isObjectMissing == true else { throw error }
        }
        state.withLock { state in
            state.others.remove(other)
            state.visible.lastError = nil
        }
    }

    /// The uid makes it a refusal (422) when the pod of this name is another one by now.
    private func patch(_ pod: String, uid: String?, _ role: PodRole) throws(KubernetesError) -> JSONValue {
        var metadata: JSONValue = ["labels": .object(settings.labels(role).mapValues { .string($0) })]
        if let uid, !uid.isEmpty { metadata["uid"] = .string(uid) }
        return try api.send(
            KubernetesCall(.patch, .pods, name: pod, body: ["metadata": metadata], timeout: .seconds(5)))
    }

    // MARK: - The watch

    /// From a thread of the watch.
    private func look(at pod: JSONValue) {
        let labels = pod.texts("metadata", "labels")
        let isDisturbed = state.withLock { state in
            guard let applied = state.visible.applied, pod.versionNumber > state.patched else { return false }
            guard settings.labels(applied).contains(where: { labels[$0.key] != $0.value }) else { return false }
            state.isDisturbed = true
            return true
        }
        if isDisturbed { wake.post(()) }
    }
}

extension JSONValue {
    /// `resourceVersion` as a number, which grows with every change; 0 when it is none.
    fileprivate var versionNumber: UInt64 { text("metadata", "resourceVersion").flatMap { UInt64($0) } ?? 0 }
}
