//! Tells what there is to find in the demo's store, and where.

use std::io::Write;
use std::path::Path;

use annals_testkit::DemoStory;
use anyhow::Result;

use super::fill::{SEED, filled_until_us};
use crate::command::Serve;
use crate::paint::Paint;

/// Where the page is, unless the settings say otherwise.
const HTTP_DEFAULT: &str = "127.0.0.1:6170";

/// Prints the questions that the story in the store answers, each with its address on the page. Nothing of a store that was
/// filled before there was a story.
pub(super) fn show(marker: &Path, paint: Paint, out: &mut impl Write) -> Result<()> {
    let Some(end_us) = filled_until_us(marker) else { return Ok(()) };
    let story = DemoStory::new(SEED, end_us);
    // A mistake in the settings is told by the server itself.
    let http = crate::config::load(&Serve::default())
        .map_or_else(|_| HTTP_DEFAULT.to_owned(), |resolved| resolved.settings.http.to_string());
    writeln!(out, "{}", paint.bold("The story in it"))?;
    writeln!(
        out,
        "Customers of project {} have questions. While the store is served, the page answers them:",
        story.project()
    )?;
    for lead in story.leads() {
        writeln!(out, "  {}\n    {}", lead.question, paint.cyan(&format!("http://{http}{}", lead.address)))?;
    }
    writeln!(out)?;
    Ok(())
}
