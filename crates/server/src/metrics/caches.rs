//! [`CacheMetrics`]: how often the caches of data files had what was asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use annals_query::{CacheStats, Engine};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: &'static str,
}

/// How the caches stand, by their names.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheReading([(&'static str, CacheStats); 3]);

impl CacheReading {
    pub(super) fn of(engine: &Engine) -> Self {
        Self([
            ("footers", engine.footer_cache_stats()),
            ("blocks", engine.block_cache_stats()),
            ("pages", engine.page_cache_stats()),
        ])
    }
}

#[derive(Debug, Default)]
pub(super) struct CacheMetrics {
    bytes: Family<CacheLabels, Gauge<u64, AtomicU64>>,
    hits: Family<CacheLabels, Counter>,
    misses: Family<CacheLabels, Counter>,
}

impl CacheMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit("cache", "Bytes that a cache holds", Unit::Bytes, self.bytes.clone());
        registry.register("cache_hits", "What a cache had of what it was asked for", self.hits.clone());
        registry.register("cache_misses", "What a cache had not", self.misses.clone());
    }

    pub(super) fn set(&self, reading: &CacheReading) {
        for (cache, stats) in reading.0 {
            let labels = CacheLabels { cache };
            self.bytes.get_or_create(&labels).set(stats.bytes);
            // They are counted by the caches; here they are only told.
            self.hits.get_or_create(&labels).inner().store(stats.hits, Ordering::Relaxed);
            self.misses.get_or_create(&labels).inner().store(stats.misses, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cache_is_told_under_its_name_and_again_as_it_stands_then() {
        let (metrics, mut registry) = (CacheMetrics::default(), Registry::with_prefix("annals"));
        metrics.register(&mut registry);
        for hits in [3, 7] {
            let footers = CacheStats { bytes: 100, hits, misses: 2 };
            let none = CacheStats::default();
            metrics.set(&CacheReading([("footers", footers), ("blocks", none), ("pages", none)]));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "annals_cache_bytes{cache=\"footers\"} 100",
            "annals_cache_hits_total{cache=\"footers\"} 7",
            "annals_cache_misses_total{cache=\"footers\"} 2",
            "annals_cache_hits_total{cache=\"blocks\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
