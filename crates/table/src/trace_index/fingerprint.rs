//! [`fingerprint`]: the 64 bits by which runs know a trace id.

/// XXH3-64, seed 0, of the UTF-8 bytes of a trace id as it stands in the column. Stands in every run, so it never
/// changes.
///
/// Among a billion ids about 0.03 pairs share one: what a run answers may hold a place too many, which costs a read.
pub(crate) fn fingerprint(trace_id: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(trace_id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_stay_what_they_are_on_disk() {
        assert_eq!(fingerprint(""), 0x2d06_8005_38d3_94c2);
        assert_eq!(fingerprint("4bf92f3577b34da6a3ce929d0e0e4736"), 0x6bdf_f82f_d221_c352);
    }
}
