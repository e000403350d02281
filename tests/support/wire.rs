//! A wire to an engine that can be cut: whoever is connected then is never answered again, and
//! not told so, as after the loss of a machine. Who connects later gets through.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

pub struct Wire {
    port: u16,
    cuts: Arc<AtomicUsize>,
}

impl Wire {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            cuts: Arc::default(),
        };
        let cuts = Arc::clone(&wire.cuts);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let Ok(engine) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_engine, to_engine) = engine.into_split();
                tokio::spawn(carry(from_client, to_engine, Arc::clone(&cuts)));
                tokio::spawn(carry(from_engine, to_client, Arc::clone(&cuts)));
            }
        });
        wire
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

/// What comes after a cut is read, and goes nowhere.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cuts: Arc<AtomicUsize>) {
    let began = cuts.load(Ordering::SeqCst);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if cuts.load(Ordering::SeqCst) == began && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
