import Glibc
import Platform

extension DirectoryStore {
    package func list(_ prefix: String, after: ObjectKey?, recursive: Bool) throws(ObjectStoreError) -> ObjectPage {
        guard prefix.isEmpty || (prefix.hasSuffix("/") && ObjectKey(String(prefix.dropLast())).isWellFormed) else {
            throw ObjectStoreError(.invalidKey, "'\(prefix)' is no valid prefix of objects")
        }
        try requireRoot()
        var page = ObjectPage(objects: [], folders: [], next: nil)
        try collect(prefix, into: &page, recursive: recursive)
        page.objects.sort { $0.key < $1.key }
        page.folders.sort()
        guard let after else { return page }
        page.objects.removeAll { $0.key <= after }
        page.folders.removeAll { ObjectKey($0) <= after }
        return page
    }

    /// A directory is listed at once: its names are few, and readdir has no order to page by.
    private func collect(_ prefix: String, into page: inout ObjectPage, recursive: Bool) throws(ObjectStoreError) {
        let directory = root + "/" + prefix
        do throws(SystemError) {
            // Names with a dot in front are not objects: uploads, and what network file systems put there.
            for name in try Files.list(directory) where name.utf8.first != UInt8(ascii: ".") {
                if Files.isDirectory(directory + name) {
                    page.folders.append(prefix + name + "/")
                } else {
                    var status = stat()
                    guard stat(directory + name, &status) == 0 else {
                        let error = SystemError("find", path: directory + name)
                        // Deleted since the directory was read.
                        if error.isNotFound { continue }
                        throw error
                    }
                    page.objects.append(
                        ObjectInfo(
                            key: ObjectKey(prefix + name), size: UInt64(max(0, status.st_size)),
                            modified: Int64(status.st_mtim.tv_sec)))
                }
            }
        } catch {
            // A prefix that nothing begins with.
            if error.isNotFound { return try requireRoot() }
            throw ObjectStoreError(error)
        }
        guard recursive else { return }
        let folders = page.folders
        page.folders = []
        for folder in folders { try collect(folder, into: &page, recursive: true) }
    }
}
