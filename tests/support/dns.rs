//! A name server on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// Answers every name with these addresses.
pub struct NameServer {
    pub address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    asked: watch::Receiver<Vec<String>>,
}

#[derive(Clone)]
enum Answer {
    Addresses(Vec<Ipv4Addr>, u32),
    Failure,
}

impl NameServer {
    /// With these addresses for so many seconds.
    pub async fn start(addresses: &[Ipv4Addr], ttl: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Answer::Addresses(addresses.to_vec(), ttl)));
        let (record, asked) = watch::channel(Vec::new());
        let now = answer.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let Ok(query) = Message::from_vec(&buffer[..length]) else {
                    continue;
                };
                let name = query.queries[0].name().to_string();
                let answer = now.lock().unwrap().clone();
                let _ = socket.send_to(&answer.to(&query), peer).await;
                record.send_modify(|asked| asked.push(name));
            }
        });
        Self {
            address,
            answer,
            asked,
        }
    }

    /// Other addresses from now on.
    pub fn answer(&self, addresses: &[Ipv4Addr], ttl: u32) {
        *self.answer.lock().unwrap() = Answer::Addresses(addresses.to_vec(), ttl);
    }

    /// SERVFAIL from now on.
    pub fn fail(&self) {
        *self.answer.lock().unwrap() = Answer::Failure;
    }

    /// The names that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

impl Answer {
    fn to(&self, query: &Message) -> Vec<u8> {
        let mut message = Message::response(query.metadata.id, query.metadata.op_code);
        message.metadata.message_type = MessageType::Response;
        let question = query.queries[0].clone();
        message.add_query(question.clone());
        match self {
            Self::Failure => message.metadata.response_code = ResponseCode::ServFail,
            Self::Addresses(addresses, ttl) if question.query_type() == RecordType::A => {
                for address in addresses {
                    let data = RData::A(A(*address));
                    message.add_answer(Record::from_rdata(question.name().clone(), *ttl, data));
                }
            }
            Self::Addresses(..) => {}
        }
        message.to_vec().unwrap()
    }
}
