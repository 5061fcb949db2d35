/// The version of pgmahout, as `pgmahout version`, `GET /v1/status` and the metrics say it.
package enum ProductVersion {
    package static let current = "0.1.0"
}
