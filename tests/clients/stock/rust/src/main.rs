//! The stock WebSocket client in Rust: `stock_tungstenite BASE CASE` runs one case and prints what it saw.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use tungstenite::client::{connect_with_config, IntoClientRequest};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket};

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

fn dial(url: &str) -> Result<Socket, Error> {
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    connect_with_config(url, Some(config), 0).map(|(socket, _)| socket)
}

fn tcp(socket: &Socket) -> &TcpStream {
    match socket.get_ref() {
        MaybeTlsStream::Plain(stream) => stream,
        _ => unreachable!("plain text alone is dialled"),
    }
}

fn letters(size: usize) -> String {
    "abcdefghijklmnop".repeat(size / 16 + 1)[..size].to_string()
}

fn same(sent: &[u8], received: &[u8]) -> String {
    if sent == received {
        format!("{} bytes came back", received.len())
    } else {
        format!("WRONG: {} bytes sent, {} others came back", sent.len(), received.len())
    }
}

/// The next message of the application, or how the connection ended.
fn read(socket: &mut Socket) -> Result<Message, String> {
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) => return Err(format!("close {} {:?}", u16::from(frame.code), frame.reason.as_str())),
            Ok(Message::Close(None)) => return Err("close 1005 \"\"".into()),
            Ok(Message::Ping(_)) | Ok(Message::Frame(_)) => continue,
            Ok(message) => return Ok(message),
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return Err("no answer".into()),
            Err(_) => return Err("close 1006 \"\"".into()),
        }
    }
}

fn echo(socket: &mut Socket, message: Message) -> Result<String, String> {
    socket.send(message.clone()).map_err(|_| "close 1006 \"\"".to_string()).or_else(|lost| match read(socket) {
        // What was sent may be cut off by the very Close that says why.
        Err(seen) => Err(seen),
        Ok(_) => Err(lost),
    })?;
    let answer = read(socket)?;
    if answer.is_text() != message.is_text() {
        return Ok("WRONG: of another kind".into());
    }
    Ok(same(&message.into_data(), &answer.into_data()))
}

fn fragments(socket: &mut Socket, count: usize, size: usize) -> Result<String, String> {
    let whole = letters(count * size);
    for index in 0..count {
        let kind = if index == 0 { Data::Text } else { Data::Continue };
        let piece = whole.as_bytes()[index * size..(index + 1) * size].to_vec();
        if socket.send(Message::Frame(Frame::message(piece, OpCode::Data(kind), index + 1 == count))).is_err() {
            break;
        }
    }
    Ok(same(whole.as_bytes(), &read(socket)?.into_data()))
}

fn ping(socket: &mut Socket) -> Result<String, String> {
    let _ = tcp(socket).set_read_timeout(Some(Duration::from_secs(5)));
    let _ = socket.send(Message::Ping("are you there".into()));
    match read(socket)? {
        Message::Pong(data) => Ok(format!("pong {:?}", String::from_utf8_lossy(&data))),
        _ => Ok("no pong".into()),
    }
}

fn subprotocol(base: &str) -> Result<String, String> {
    let mut request = format!("{base}/protocol").into_client_request().map_err(|error| error.to_string())?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", "v1, v2".parse().unwrap());
    let (_, answer) = tungstenite::connect(request).map_err(|error| error.to_string())?;
    Ok(answer.headers().get("Sec-WebSocket-Protocol").map_or("none".into(), |name| name.to_str().unwrap().to_string()))
}

fn close_with(socket: &mut Socket, code: u16, reason: &str) -> Result<String, String> {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_string().into() };
    let _ = socket.close(Some(frame));
    read(socket).map(|_| "WRONG: a message in place of a Close".into())
}

fn wait_for_close(socket: &mut Socket, first: Option<&str>) -> Result<String, String> {
    if let Some(text) = first {
        let _ = socket.send(Message::text(text));
    } else {
        println!("open");
        let _ = std::io::stdout().flush();
    }
    read(socket).map(|_| "WRONG: a message in place of a Close".into())
}

fn abort(mut socket: Socket) -> Result<String, String> {
    let _ = socket.send(Message::text("x"));
    read(&mut socket)?;
    drop(socket);
    Ok("gone".into())
}

fn half_close(socket: &mut Socket) -> Result<String, String> {
    let _ = tcp(socket).set_read_timeout(Some(Duration::from_secs(5)));
    let _ = socket.send(Message::text("x"));
    let _ = tcp(socket).shutdown(Shutdown::Write);
    let message = read(socket)?;
    let end = read(socket).err().unwrap_or_default();
    Ok(format!("{:?}, then {end}", message.into_text().map_err(|error| error.to_string())?.as_str()))
}

fn run(base: &str, case: &str) -> Result<String, String> {
    let on = |path: &str| dial(&format!("{base}{path}")).map_err(|error| error.to_string());
    match case {
        "text" => echo(&mut on("/echo")?, Message::text("héllo")),
        "binary" => echo(&mut on("/echo")?, Message::binary(vec![0u8, 255, 10, 13])),
        "5 MB" => echo(&mut on("/echo")?, Message::text(letters(5_000_000))),
        "16 MB" => echo(&mut on("/echo")?, Message::binary(letters(16_000_000).into_bytes())),
        "receive" => Ok(format!("{} bytes", read(&mut on("/big?size=20971520")?)?.len())),
        "fragments" => fragments(&mut on("/echo")?, 20_000, 10),
        "ping" => ping(&mut on("/echo")?),
        "protocol" => subprotocol(base),
        "close" => close_with(&mut on("/closing?id=tungstenite")?, 4001, "bye"),
        "closed" => wait_for_close(&mut on("/close?code=4002&reason=enough")?, Some("go")),
        "stopped" | "killed" => wait_for_close(&mut on("/hold")?, None),
        "abort" => abort(on("/closing?id=tungstenite")?),
        "half" => half_close(&mut on("/echo")?),
        _ => Ok("-".into()),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    println!("{}", run(&arguments[1], &arguments[2]).unwrap_or_else(|seen| seen));
}
