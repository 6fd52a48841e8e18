//! [`Uploads`]: bodies received within the memory that requests share.
//!
//! Room is taken before the first byte is read, by what the client says it will send, and grows with what it sends beyond.
//! Who finds no room waits a moment for a flush or another request to end, then hears 429 before its body was read.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use annals_writer::Writer;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use crate::coding::Coding;
use crate::http::Problem;
use crate::memory::{Budget, Reservation};

/// Bytes of memory that a byte of body costs while it is decoded and logged: itself and its encoded rows. The rows themselves
/// are counted by the writer.
const COST: u64 = 2;
/// Reserved for a body of unknown length, before it grows.
pub(crate) const UNKNOWN_BYTES: u64 = 64 << 10;
/// How long a request waits for room.
const ROOM_WAIT: Duration = Duration::from_millis(1_500);
/// Seconds after which a request that found no room may be sent again.
const RETRY_S: u32 = 1;
/// Bytes of a refused body that are read and dropped, so that a client that is still sending hears why.
const DRAIN_BYTES_MAX: usize = 64 << 20;
/// Longest that this is done.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Steps in which a decompressed body grows.
const GROWTH_BYTES: usize = 256 << 10;
/// Decompressed bytes up to which a body is not measured beforehand; nearly all have less.
const UNMEASURED_BYTES_MAX: usize = 4 << 20;

/// The bounds of bodies.
#[derive(Clone, Debug)]
pub(crate) struct Uploads {
    budget: Budget,
    writer: Arc<Writer>,
    body_bytes_max: u64,
    idle: Duration,
    /// Told whenever room may have come free.
    freed: Arc<Notify>,
}

/// A body, decompressed, and the room that it takes.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    /// Of the bytes and what they are decoded to; kept until the rows are logged.
    pub(crate) room: Room,
}

/// Reserved memory. Dropping it lets the next request in.
#[derive(Debug)]
pub(crate) struct Room {
    reservation: Reservation,
    freed: Arc<Notify>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.reservation.shrink_to(0);
        self.freed.notify_waiters();
    }
}

impl Uploads {
    /// Bodies of at most `body_bytes_max` decompressed bytes, which may stand still for `idle`.
    pub(crate) fn new(budget: Budget, writer: Arc<Writer>, body_bytes_max: u64, idle: Duration) -> Self {
        Self { budget, writer, body_bytes_max, idle, freed: Arc::new(Notify::new()) }
    }

    /// Longest body once it is decompressed, bytes, and how long it may stand still.
    pub(crate) fn bounds(&self) -> (u64, Duration) {
        (self.body_bytes_max, self.idle)
    }

    /// Receives a body.
    ///
    /// # Errors
    /// 413 above the bound, 429 without room (nothing was read), 408 when the sender stands still, 400 when it is not what
    /// its headers say, 415 for an unknown encoding.
    pub(crate) async fn receive(&self, headers: &HeaderMap, mut body: Body) -> Result<Upload, Problem> {
        let coding = Coding::of(headers)?;
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.body_bytes_max) {
            drain(body);
            return Err(self.too_large());
        }
        let Some(mut room) = self.admit(length.unwrap_or(UNKNOWN_BYTES)).await else {
            drain(body);
            return Err(self.busy());
        };
        let mut whole = BytesMut::with_capacity(length.unwrap_or(UNKNOWN_BYTES) as usize);
        loop {
            let frame = match tokio::time::timeout(self.idle, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    return Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body ended early: {error}")));
                }
                Err(_) => {
                    let seconds = self.idle.as_secs();
                    let detail = format!("no byte of the body came for {seconds} s: send the request again");
                    return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() as u64 + data.len() as u64 > self.body_bytes_max {
                drain(body);
                return Err(self.too_large());
            }
            if !room.covers((whole.len() + data.len()) as u64 * COST) {
                drain(body);
                return Err(self.busy());
            }
            whole.extend_from_slice(&data);
        }
        let whole = whole.freeze();
        if coding == Coding::Identity {
            return Ok(Upload { bytes: whole, room });
        }
        let this = self.clone();
        tokio::task::spawn_blocking(move || {
            let bytes = this.decompress(coding, &whole, &mut room)?;
            Ok(Upload { bytes, room })
        })
        .await
        .unwrap_or_else(|error| Err(Problem::defect(&error)))
    }

    /// Room for a body of `bytes`, in the requests' memory and in the writer's; `None` when there is none for a while.
    pub(crate) async fn admit(&self, bytes: u64) -> Option<Room> {
        let deadline = tokio::time::timeout(ROOM_WAIT, async {
            let mut committed = self.writer.committed();
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                committed.mark_unchanged();
                // What others were let in with goes to the writer as well: count it as taken there.
                let expected = bytes + self.budget.used();
                if self.writer.room_bytes() >= expected
                    && let Some(reservation) = self.budget.try_reserve(bytes * COST)
                {
                    return Room { reservation, freed: Arc::clone(&self.freed) };
                }
                tokio::select! {
                    () = freed => {}
                    changed = committed.changed() => {
                        if changed.is_err() {
                            std::future::pending::<()>().await;
                        }
                    }
                }
            }
        });
        deadline.await.ok()
    }

    /// Bytes that requests hold, and may hold.
    pub(crate) fn memory(&self) -> (u64, u64) {
        (self.budget.used(), self.budget.limit())
    }

    /// Decompresses a body. What becomes large is measured before room is made for it: a bomb costs time, and no memory.
    fn decompress(&self, coding: Coding, body: &[u8], room: &mut Room) -> Result<Bytes, Problem> {
        let bad = |error: std::io::Error| {
            let detail = format!("the body is not the {} that Content-Encoding says: {error}", coding.name());
            Problem::new(StatusCode::BAD_REQUEST, detail)
        };
        let mut reader = coding.reader(body).map_err(bad)?;
        let mut plain = Vec::new();
        while plain.len() <= UNMEASURED_BYTES_MAX {
            self.cover(room, (body.len() + plain.len() + GROWTH_BYTES) as u64)?;
            let read = (&mut reader).take(GROWTH_BYTES as u64).read_to_end(&mut plain).map_err(bad)?;
            if plain.len() as u64 > self.body_bytes_max {
                return Err(self.too_large());
            }
            if read == 0 {
                return Ok(plain.into());
            }
        }
        let mut length = plain.len();
        drop(plain);
        let mut passing = vec![0; GROWTH_BYTES];
        loop {
            match reader.read(&mut passing).map_err(bad)? {
                0 => break,
                read => length += read,
            }
            if length as u64 > self.body_bytes_max {
                return Err(self.too_large());
            }
        }
        self.cover(room, (body.len() + length) as u64)?;
        let mut plain = Vec::with_capacity(length);
        coding.reader(body).and_then(|mut reader| reader.read_to_end(&mut plain)).map_err(bad)?;
        Ok(plain.into())
    }

    /// Grows the room to hold so many bytes.
    fn cover(&self, room: &mut Room, bytes: u64) -> Result<(), Problem> {
        if room.covers(bytes * COST) {
            return Ok(());
        }
        // Where it would not fit alone, waiting for the others does not help.
        let fits_alone = bytes * COST <= self.budget.limit();
        Err(if fits_alone { self.busy() } else { self.too_large() })
    }

    fn busy(&self) -> Problem {
        let detail = "the server has no memory for this request until others are written: send it again in a moment";
        Problem::too_many(detail, RETRY_S)
    }

    fn too_large(&self) -> Problem {
        let detail = format!(
            "the body has more than {} bytes once decompressed: send the events in smaller requests",
            self.body_bytes_max
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }
}

impl Room {
    /// Grows the reservation to `bytes`; `false` when there is no room.
    fn covers(&mut self, bytes: u64) -> bool {
        let missing = bytes.saturating_sub(self.reservation.bytes());
        missing == 0 || self.reservation.try_grow(missing)
    }

    /// Grows the reservation to hold a request and the events made of it; `false` when there is no room.
    pub(crate) fn covers_events(&mut self, request_bytes: u64, event_bytes: u64) -> bool {
        self.covers(request_bytes + event_bytes * COST)
    }

    /// Whether there is so much room for one request when there is no other.
    pub(crate) fn could_cover_events(&self, request_bytes: u64, event_bytes: u64) -> bool {
        request_bytes + event_bytes * COST <= self.reservation.limit()
    }
}

/// Reads what a client still sends of a body that was refused: most clients read the answer only after they have sent all.
pub(crate) fn drain(mut body: Body) {
    tokio::spawn(async move {
        let mut left = DRAIN_BYTES_MAX;
        let dropped = async {
            while let Some(Ok(frame)) = body.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                left = left.saturating_sub(bytes);
                if left == 0 {
                    return;
                }
            }
        };
        // Bounded in bytes and time; what comes after that meets a closed connection.
        let _ = tokio::time::timeout(DRAIN_TIME, dropped).await;
    });
}
