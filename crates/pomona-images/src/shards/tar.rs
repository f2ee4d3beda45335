//! Lists the members of a tar.

use super::blocks::Fault;
use super::gzip::Input;
use super::members::{LARGEST_SIDECAR, Members, Role};
use super::place::At;
use super::tar_header::{BLOCK, Header, Kind, Records, is_extended};

/// The most bytes of a name or of records about a member.
const MOST_RECORDS: u64 = 1 << 20;

/// The zeros after the end of an archive that are passed over to look for another behind it, as
/// `cat a.tar b.tar` makes.
const MOST_ZEROS: u64 = 1 << 20;

/// Reads a tar to its end.
///
/// # Errors
/// [`Fault::Store`] alone: damage becomes a row of `members`.
pub(super) async fn index(
    input: Input,
    is_gzip: bool,
    length: u64,
    members: &mut Members,
) -> Result<(), Fault> {
    let mut walk = Walk {
        input,
        is_gzip,
        length,
        position: 0,
        zeros: 0,
        name: None,
        records: Records::default(),
    };
    match walk.run(members).await {
        Err(Fault::Data(reason)) => {
            members.fault(reason);
            Ok(())
        }
        done => done,
    }
}

struct Walk {
    input: Input,
    is_gzip: bool,
    /// The length of the shard.
    length: u64,
    /// The offset of the next byte of the tar.
    position: u64,
    /// Bytes of zero blocks since the last member.
    zeros: u64,
    /// The name of the next member, from a header of GNU.
    name: Option<Vec<u8>>,
    records: Records,
}

impl Walk {
    async fn run(&mut self, members: &mut Members) -> Result<(), Fault> {
        loop {
            let at = self.position;
            let is_behind_end = self.zeros >= 2 * BLOCK as u64;
            let block = match self.read(BLOCK as u64).await {
                // What follows the end of the archive is nobody's.
                Err(Fault::Data(_)) if is_behind_end => return Ok(()),
                block => block?,
            };
            let Ok(block) = <[u8; BLOCK]>::try_from(block) else {
                // Without its end an archive may have been cut off anywhere.
                return match self.zeros > 0 {
                    true => Ok(()),
                    false => Err(Fault::Data(
                        "the archive has no end: it was cut off".to_owned(),
                    )),
                };
            };
            if block.iter().all(|&byte| byte == 0) {
                self.zeros += BLOCK as u64;
                if self.zeros > MOST_ZEROS {
                    return Ok(());
                }
                continue;
            }
            let header = match Header::parse(&block) {
                Err(_) if is_behind_end => return Ok(()),
                header => header.map_err(|reason| {
                    Fault::Data(format!("the header at byte {at} is damaged: {reason}"))
                })?,
            };
            self.zeros = 0;
            if !self.member(header, members).await? {
                return Ok(());
            }
        }
    }

    /// Passes over a member; `false` where there is nothing after it.
    async fn member(&mut self, header: Header, members: &mut Members) -> Result<bool, Fault> {
        let at = self.position - BLOCK as u64;
        match header.kind {
            Kind::LongName | Kind::Pax => {
                let bytes = self.records_of(&header, at).await?;
                let bad =
                    |reason| Fault::Data(format!("the header at byte {at} is damaged: {reason}"));
                if header.kind == Kind::LongName {
                    let end = bytes.iter().position(|&byte| byte == 0);
                    self.name = Some(bytes[..end.unwrap_or(bytes.len())].to_vec());
                } else {
                    self.records = Records::parse(&bytes).map_err(bad)?;
                }
                return Ok(true);
            }
            Kind::LongLink | Kind::PaxGlobal => return self.pass(header.size).await,
            _ => {}
        }
        if header.is_extended {
            self.pass_segments().await?;
        }
        let records = std::mem::take(&mut self.records);
        let name = self.name.take();
        let name = records.path.or(name).unwrap_or(header.name);
        let size = records.size.unwrap_or(header.size);
        let start = self.position;
        let end = start.saturating_add(size);
        let refusal = match header.kind {
            Kind::Folder | Kind::Other => return self.pass(size).await,
            Kind::Link => Some("it is a link, and links in archives are not followed"),
            Kind::Continued => Some("it began in another volume of its archive"),
            Kind::Sparse => Some("it is a sparse file, which is not read"),
            _ if records.is_sparse => Some("it is a sparse file, which is not read"),
            _ if !self.is_gzip && end > self.length => Some("the archive ends within it"),
            _ => None,
        };
        if !members.has_room() {
            return Err(Fault::Data("it has too many images".to_owned()));
        }
        let at = match (refusal, self.is_gzip) {
            (Some(reason), _) => Err(reason.to_owned()),
            (None, true) => Ok(At::Gzip {
                offset: start,
                file: self.length,
            }),
            (None, false) => Ok(At::Tar { offset: start }),
        };
        match members.role(&name) {
            Role::Sidecar(sidecar) if at.is_ok() && size <= LARGEST_SIDECAR => {
                let text = self.read(size).await?;
                if (text.len() as u64) < size {
                    return Err(Fault::Data("the archive ends within a member".to_owned()));
                }
                members.text(&name, sidecar, text);
                return self.pass_rest(size).await;
            }
            Role::Sidecar(_) => {
                let reason = match &at {
                    Ok(_) => "it has more than 1 MiB",
                    Err(reason) => reason.as_str(),
                };
                members.no_text(&String::from_utf8_lossy(&name), reason);
            }
            // Of a gzip only what is inflated shows where it ends.
            Role::Image if self.is_gzip && at.is_ok() => {
                let is_whole = self.skip(size).await;
                let at = match &is_whole {
                    Ok(true) => at,
                    Ok(false) => Err("the archive ends within it".to_owned()),
                    Err(Fault::Data(reason)) => Err(reason.clone()),
                    Err(Fault::Store(_)) => at,
                };
                members.image(&name, size, at);
                return match is_whole? {
                    true => self.pass_rest(size).await,
                    false => Ok(false),
                };
            }
            Role::Image => members.image(&name, size, at),
            Role::None => members.no_image(&name),
        }
        match members.role(&name) == Role::Image && !self.is_gzip && end > self.length {
            // The row of the image says it.
            true => Ok(false),
            false => self.pass(size).await,
        }
    }

    /// The bytes of a header about the next member.
    async fn records_of(&mut self, header: &Header, at: u64) -> Result<Vec<u8>, Fault> {
        if header.size > MOST_RECORDS {
            return Err(Fault::Data(format!(
                "the header at byte {at} is damaged: it has {} bytes",
                header.size
            )));
        }
        let bytes = self.read(header.size).await?;
        match bytes.len() as u64 == header.size && self.pass_rest(header.size).await? {
            true => Ok(bytes),
            false => Err(Fault::Data("the archive ends within a header".to_owned())),
        }
    }

    /// Passes over the blocks between the header and the bytes of a sparse file.
    async fn pass_segments(&mut self) -> Result<(), Fault> {
        loop {
            let block = self.read(BLOCK as u64).await?;
            let block = <[u8; BLOCK]>::try_from(block)
                .map_err(|_| Fault::Data("the archive ends within a header".to_owned()))?;
            if !is_extended(&block) {
                return Ok(());
            }
        }
    }

    async fn read(&mut self, count: u64) -> Result<Vec<u8>, Fault> {
        let bytes = self.input.read(count as usize).await?;
        self.position += bytes.len() as u64;
        Ok(bytes)
    }

    async fn skip(&mut self, count: u64) -> Result<bool, Fault> {
        self.position = self.position.saturating_add(count);
        self.input.skip(count).await
    }

    /// Passes over a member's bytes and the padding behind them.
    async fn pass(&mut self, size: u64) -> Result<bool, Fault> {
        match self.skip(size).await? {
            true => self.pass_rest(size).await,
            false => Err(Fault::Data("the archive ends within a member".to_owned())),
        }
    }

    async fn pass_rest(&mut self, size: u64) -> Result<bool, Fault> {
        // The last member may lack its padding.
        self.skip((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64)
            .await?;
        Ok(true)
    }
}
