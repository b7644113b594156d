//! Says when an output falls behind.

use std::{convert::Infallible, time::Duration};

use tokio::time::sleep;

use crate::session::status::Status;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells once of each output that has left out packets; never ends.
pub async fn tell(status: &Status) -> Infallible {
    let mut told = vec![false; status.outputs().len()];
    loop {
        sleep(PAUSE).await;
        for (output, told) in status.outputs().iter().zip(&mut told) {
            // Why one has failed is told as it happens.
            if !*told && output.dropped() > 0 && !output.has_failed() {
                *told = true;
                let (output, dropped) = (&output.output, output.dropped());
                let delivered = status.delivered();
                say!(
                    "vtap: output {output} falls behind and has left out {dropped} of {delivered} \
                     packets; the summary tells how many in all"
                );
            }
        }
    }
}
