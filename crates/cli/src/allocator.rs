//! The allocator of the program, and what a small server asks of it: to hold less memory than it would.

use annals_server::MemoryPlan;
use tikv_jemalloc_ctl::{Access as _, AsName as _, arenas};

/// Fast for many short-lived column buffers on several threads, and gives the memory of the many threads that come and
/// go under load back to the system (crates/ARCHITECTURE.md, "Decisions").
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The allocator's settings, read by it at its first allocation: unused memory is given back by threads of its own, huge pages
/// spare page faults, and each processor has an arena: what one thread gives back is what the next one takes, still in the
/// processor's cache. Unused memory stays for a minute: to get it anew, cleared by the system, takes longer than most queries do,
/// and people look at an answer before they ask again. `_RJEM_MALLOC_CONF` in the environment goes before these.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "jemalloc takes its settings through a symbol of this name")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub(crate) static ALLOCATOR_SETTINGS: &[u8; 93] =
    b"background_thread:true,percpu_arena:percpu,thp:always,metadata_thp:auto,dirty_decay_ms:60000\0";

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
    if plan.total_bytes < KEPT_MEMORY_MIN
        && let Err(error) = give_back_soon()
    {
        tracing::warn!(%error, "unused memory is kept for long: the server may hold more than it should");
    }
}

/// From here on this process gets no huge page, although its allocator asks for them.
fn forgo_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::warn!(%error, "huge pages stay: the server may hold a third more memory than it should");
    }
}

/// For the arenas that there are, and those that will be.
fn give_back_soon() -> tikv_jemalloc_ctl::Result<()> {
    "arenas.dirty_decay_ms\0".name().write(GIVEN_BACK_MS)?;
    for arena in 0..arenas::narenas::read()? {
        let is_there: bool = format!("arena.{arena}.initialized\0").name().read()?;
        if is_there {
            format!("arena.{arena}.dirty_decay_ms\0").name().write(GIVEN_BACK_MS)?;
        }
    }
    Ok(())
}
