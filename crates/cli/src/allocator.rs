//! The allocator of the program, and what a small server asks of it: to hold less memory than it would.

use annals_server::MemoryPlan;

/// Fast for many short-lived column buffers on several threads, and gives the memory of the many threads that come and
/// go under load back to the system (crates/ARCHITECTURE.md, "Decisions").
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The allocator's settings, read by it at its first allocation: unused memory is given back by threads of its own, and huge pages
/// spare page faults. Unused memory stays for ten seconds: to get it anew, cleared by the system, takes longer than most queries do,
/// and a fifth of an ingest. `_RJEM_MALLOC_CONF` in the environment goes before these.
#[expect(unsafe_code, reason = "jemalloc takes its settings through a symbol of this name")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub(crate) static ALLOCATOR_SETTINGS: &[u8; 73] =
    b"background_thread:true,thp:always,metadata_thp:auto,dirty_decay_ms:10000\0";

/// Least memory of a server with huge pages. What the allocator keeps between its uses, rounded up to two mebibytes, is a third of
/// a small server's memory (crates/ARCHITECTURE.md, "Decisions").
const HUGE_PAGES_MEMORY_MIN: u64 = 1 << 30;

/// Least memory of a server that keeps unused memory. Many threads that come and go hold much of it, and a small cap bears little.
const KEPT_MEMORY_MIN: u64 = 4 << 30;

/// How long smaller ones keep it, milliseconds.
const GIVEN_BACK_MS: isize = 200;

/// Suits the allocator to the memory of a server. To be called before it starts threads.
pub(crate) fn suit(plan: &MemoryPlan) {
    if plan.total_bytes < HUGE_PAGES_MEMORY_MIN {
        forgo_huge_pages();
    }
    if plan.total_bytes < KEPT_MEMORY_MIN {
        give_back_soon();
    }
}

/// From here on this process gets no huge page, although its allocator asks for them.
fn forgo_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::warn!(%error, "huge pages stay: the server may hold a third more memory than it should");
    }
}

/// For the arena of this thread, and those that are made for others.
#[expect(unsafe_code, reason = "jemalloc's setting by name; the type is the one that its manual gives for both names")]
fn give_back_soon() {
    for name in [&b"arenas.dirty_decay_ms\0"[..], b"arena.0.dirty_decay_ms\0"] {
        // SAFETY: both settings are of type `ssize_t`, and the names end with a zero.
        if let Err(error) = unsafe { tikv_jemalloc_ctl::raw::write(name, GIVEN_BACK_MS) } {
            tracing::warn!(%error, "unused memory is kept for long: the server may hold more than it should");
        }
    }
}
