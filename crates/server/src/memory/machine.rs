//! How much memory there is to plan with: the machine's, or less where a control group (a container) has a limit.
//!
//! Reading files is apart from understanding them, so that every machine can be tested on any.

use std::path::{Path, PathBuf};

/// Bytes of memory of this machine, or of the smallest control group around this process. `None` where neither can be
/// found, as outside Linux.
pub fn machine_memory_bytes() -> Option<u64> {
    memory_bytes(|path| std::fs::read_to_string(path).ok())
}

/// [`machine_memory_bytes`] of the machine whose files `read` answers.
fn memory_bytes(read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| meminfo_total_bytes(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = limit_files(&groups).into_iter().filter_map(|path| limit_bytes(&read(&path)?));
    limits.chain(machine).min()
}

/// `MemTotal` of `/proc/meminfo`.
fn meminfo_total_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024).filter(|bytes| *bytes > 0)
}

/// The files that may hold a limit for the process whose `/proc/self/cgroup` is given: of its group and of all groups
/// above, for the limit of each of them holds. In a container the path may be one that only the host can see; the group at
/// the mount's root is then the container's own.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files =
        vec![PathBuf::from("/sys/fs/cgroup/memory.max"), PathBuf::from("/sys/fs/cgroup/memory/memory.limit_in_bytes")];
    for line in groups.lines() {
        // hierarchy:controllers:path; version 2 is `0::path`.
        let mut fields = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (mount, file) = if hierarchy == "0" && controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let mut group = PathBuf::from(mount);
        // `..` is the way to a group outside of this namespace: there is nothing to see.
        for name in path.split('/').filter(|name| !name.is_empty()).take_while(|name| *name != "..") {
            group.push(name);
            files.push(group.join(file));
        }
    }
    files
}

/// A limit file's bytes; `None` for no limit. Version 1 says "no limit" with a number near 2^63, which is no harm here: the
/// machine has less.
fn limit_bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       24683656 kB\nMemFree:        22287496 kB\nMemAvailable:   24053112 kB\n";
    const MACHINE: u64 = 24_683_656 * 1024;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        memory_bytes(|path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn without_groups_it_is_the_machine() {
        assert_eq!(machine(&[("/proc/meminfo", MEMINFO)]), Some(MACHINE));
        assert_eq!(machine(&[]), None);
    }

    #[test]
    fn the_smallest_group_above_the_process_counts() {
        let files = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/a.slice/b.service\n"),
            ("/sys/fs/cgroup/a.slice/memory.max", "2147483648\n"),
            ("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"),
        ];
        assert_eq!(machine(&files), Some(2 << 30));
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_root() {
        let files = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/../../pod/x\n"),
            ("/sys/fs/cgroup/memory.max", "536870912\n"),
        ];
        assert_eq!(machine(&files), Some(512 << 20));
    }

    #[test]
    fn version_1_says_no_limit_with_a_huge_number() {
        let limit = |bytes| {
            machine(&[
                ("/proc/meminfo", MEMINFO),
                ("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc:def\n0::/\n"),
                ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("/sys/fs/cgroup/memory/docker/abc:def/memory.limit_in_bytes", bytes),
            ])
        };
        assert_eq!(limit("9223372036854771712\n"), Some(MACHINE));
        assert_eq!(limit("1073741824\n"), Some(1 << 30));
    }

    #[test]
    fn odd_files_are_passed_over() {
        for text in [
            "",
            "MemTotal:",
            "MemTotal: x kB",
            "MemTotal: 12 MB",
            "MemTotal: 0 kB",
            "MemTotal: 99999999999999999999 kB",
        ] {
            assert_eq!(meminfo_total_bytes(text), None, "{text}");
        }
        for text in ["", "max", "-1", "0", "1 2"] {
            assert_eq!(limit_bytes(text), None, "{text}");
        }
        assert_eq!(limit_files("\n:\n0::\nx:memory\n").len(), 2);
    }
}
