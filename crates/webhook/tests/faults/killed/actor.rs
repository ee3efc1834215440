//! A process that is killed and started again, and what it has said in all its lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::ends;
use crate::process::Process;
use crate::world::SOON;

/// What was said: of each word what followed it, and in which life.
#[derive(Default)]
pub(super) struct Said {
    words: Mutex<BTreeMap<String, Vec<(usize, String)>>>,
    /// Counts lines.
    lines: watch::Sender<usize>,
}

impl Said {
    fn note(&self, life: usize, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap();
        let mut words = self.words.lock();
        let of_word = words.entry(word.to_owned()).or_default();
        of_word.push((life, rest.to_owned()));
        drop(words);
        self.lines.send_modify(|lines| *lines += 1);
    }

    /// What followed a word, and in which life.
    pub(super) fn all(&self, word: &str) -> Vec<(usize, String)> {
        self.words.lock().get(word).cloned().unwrap_or_default()
    }

    fn count(&self, word: &str) -> usize {
        self.words.lock().get(word).map_or(0, Vec::len)
    }

    /// Waits until a word is said once more than so many times.
    async fn more(&self, word: &str, than: usize) {
        let mut lines = self.lines.subscribe();
        let said = lines.wait_for(|_| self.count(word) > than);
        let said = timeout(SOON, said).await;
        said.unwrap_or_else(|_| panic!("{word} is not said"))
            .unwrap();
    }
}

/// The process.
pub(super) struct Actor {
    role: &'static str,
    settings: Vec<(&'static str, String)>,
    pub(super) life: usize,
    pub(super) said: Arc<Said>,
    living: Option<(Process, JoinHandle<()>)>,
}

impl Actor {
    pub(super) fn new(role: &'static str, settings: Vec<(&'static str, String)>) -> Self {
        Self {
            role,
            settings,
            life: 0,
            said: Arc::default(),
            living: None,
        }
    }

    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.settings.retain(|(set, _)| *set != name);
        self.settings.push((name, value));
    }

    /// Starts its next life, and waits for nothing.
    pub(super) fn start(&mut self, noted: impl Fn(&str) + Send + 'static) {
        assert!(self.living.is_none(), "it lives");
        self.life += 1;
        let life = self.life;
        let number = life.to_string();
        let mut settings: Vec<_> = self
            .settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        settings.push((ends::LIFE, &number));
        let mut process = Process::start(self.role, &settings);
        let mut lines = process.take_lines();
        let said = self.said.clone();
        let noting = tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                said.note(life, &line);
                noted(&line);
            }
        });
        self.living = Some((process, noting));
    }

    /// Tells it something.
    pub(super) fn tell(&mut self, line: &str) {
        let (process, _) = self.living.as_mut().expect("it lives");
        process.tell(line);
    }

    /// Waits until a word is said, from now on.
    pub(super) async fn says(&self, word: &str) {
        let said = self.said.count(word);
        self.said.more(word, said).await;
    }

    /// Waits until it has said a word in some life.
    pub(super) async fn said(&self, word: &str) {
        self.said.more(word, 0).await;
    }

    /// Ends it at once, and notes what it had said.
    pub(super) async fn kill(&mut self) {
        let (process, noting) = self.living.take().expect("it lives");
        process.kill();
        timeout(SOON, noting)
            .await
            .expect("its last words")
            .unwrap();
    }
}
