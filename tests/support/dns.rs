//! A name server on loopback.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
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
    Both(Vec<Ipv4Addr>, Vec<Ipv6Addr>),
    /// Nothing is said about IPv6, as by resolvers that drop such questions.
    SilentAboutV6(Vec<Ipv4Addr>),
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
                let about = query.queries[0].query_type();
                let is_silent = matches!(answer, Answer::SilentAboutV6(_));
                if !(is_silent && about == RecordType::AAAA) {
                    let _ = socket.send_to(&answer.to(&query), peer).await;
                }
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

    /// Addresses of both families from now on, for a minute.
    pub fn answer_both(&self, v4: &[Ipv4Addr], v6: &[Ipv6Addr]) {
        *self.answer.lock().unwrap() = Answer::Both(v4.to_vec(), v6.to_vec());
    }

    /// These from now on, and no answer to questions about IPv6.
    pub fn ignore_v6(&self, v4: &[Ipv4Addr]) {
        *self.answer.lock().unwrap() = Answer::SilentAboutV6(v4.to_vec());
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
            Self::SilentAboutV6(v4) | Self::Both(v4, _)
                if question.query_type() == RecordType::A =>
            {
                for address in v4 {
                    let data = RData::A(A(*address));
                    message.add_answer(Record::from_rdata(question.name().clone(), 60, data));
                }
            }
            Self::Both(_, v6) if question.query_type() == RecordType::AAAA => {
                for address in v6 {
                    let data = RData::AAAA(AAAA(*address));
                    message.add_answer(Record::from_rdata(question.name().clone(), 60, data));
                }
            }
            Self::Addresses(..) | Self::Both(..) | Self::SilentAboutV6(_) => {}
        }
        message.to_vec().unwrap()
    }
}
