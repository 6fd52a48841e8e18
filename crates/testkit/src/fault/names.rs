//! [`Names`]: which names lead to which files, as programs see it and as the disk holds it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::StdRng;

use super::model_fs::Unsynced;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Dir,
    /// Its number.
    File(u64),
}

type Tree = BTreeMap<PathBuf, Node>;

/// One change of names that is not yet on the disk. A rename arrives whole or not at all.
#[derive(Clone, Debug)]
enum Change {
    Put { path: PathBuf, node: Node },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, node: Node },
}

/// The names of a disk.
#[derive(Clone, Debug)]
pub(super) struct Names {
    live: Tree,
    durable: Tree,
    /// In the order in which they were made.
    pending: Vec<Change>,
}

impl Names {
    pub(super) fn new() -> Self {
        let root = Tree::from([(PathBuf::from("/"), Node::Dir)]);
        Self { live: root.clone(), durable: root, pending: Vec::new() }
    }

    /// # Errors
    /// `NotFound` where there is nothing.
    pub(super) fn get(&self, path: &Path) -> io::Result<Node> {
        self.live.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// # Errors
    /// `AlreadyExists` when the name is taken, `NotFound` when its directory is not there.
    pub(super) fn put(&mut self, path: &Path, node: Node) -> io::Result<()> {
        self.parent_exists(path)?;
        if self.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(Change::Put { path: path.to_path_buf(), node });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.get(from)?;
        self.parent_exists(to)?;
        if self.live.get(to) == Some(&Node::Dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.change(Change::Rename { from: from.to_path_buf(), to: to.to_path_buf(), node });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, dir: bool) -> io::Result<()> {
        let is_dir = self.get(path)? == Node::Dir;
        match (is_dir, dir) {
            (true, false) => return Err(io::ErrorKind::IsADirectory.into()),
            (false, true) => return Err(io::ErrorKind::NotADirectory.into()),
            (true, true) if self.children(path).next().is_some() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        self.change(Change::Remove { path: path.to_path_buf() });
        Ok(())
    }

    /// The entries of a directory.
    pub(super) fn children<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = (&'a Path, Node)> {
        let below = self.live.range(dir.to_path_buf()..).skip(1).take_while(move |(path, _)| path.starts_with(dir));
        below.filter(move |(path, _)| path.parent() == Some(dir)).map(|(path, node)| (path.as_path(), *node))
    }

    /// All files by their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.live.iter().filter_map(|(path, node)| match node {
            Node::File(number) => Some((path.as_path(), *number)),
            Node::Dir => None,
        })
    }

    /// Makes the names in `dir` durable, not the name of `dir` itself.
    ///
    /// # Errors
    /// `NotFound` where there is no directory.
    pub(super) fn sync(&mut self, dir: &Path) -> io::Result<()> {
        if self.get(dir)? != Node::Dir {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let here = change.dirs().contains(&Some(dir));
            if here {
                change.apply(durable);
            }
            !here
        });
        Ok(())
    }

    /// What a loss of power leaves. A name below a directory that was lost is lost with it.
    pub(super) fn lose_power(&mut self, unsynced: Unsynced, chance: &mut StdRng) {
        for change in std::mem::take(&mut self.pending) {
            if unsynced == Unsynced::Reordered && chance.random() {
                change.apply(&mut self.durable);
            }
        }
        let mut kept = Tree::new();
        for (path, node) in std::mem::take(&mut self.durable) {
            // Parents come before their children.
            let held = path.parent().is_none_or(|parent| kept.get(parent) == Some(&Node::Dir));
            if held {
                kept.insert(path, node);
            }
        }
        self.durable = kept;
        self.live.clone_from(&self.durable);
    }

    fn parent_exists(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        match self.get(parent)? {
            Node::Dir => Ok(()),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }
}

impl Change {
    /// The directories a sync of which makes it durable.
    fn dirs(&self) -> [Option<&Path>; 2] {
        match self {
            Self::Put { path, .. } | Self::Remove { path } => [path.parent(), None],
            Self::Rename { from, to, .. } => [to.parent(), from.parent()],
        }
    }

    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Put { path, node } => {
                tree.insert(path.clone(), *node);
            }
            Self::Remove { path } => {
                tree.remove(path);
            }
            Self::Rename { from, to, node } => {
                // On a disk that lost an earlier change of the old name, only the new one is certain.
                if tree.get(from) == Some(node) {
                    tree.remove(from);
                }
                tree.insert(to.clone(), *node);
            }
        }
    }
}
