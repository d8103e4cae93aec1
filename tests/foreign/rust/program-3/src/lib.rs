//! A program of WASI 0.3: asynchronous from end to end, with streams for everything that is read and written.

use std::fmt::Write as _;

use futures::join;
use wasip3::cli::{environment, exit, stderr, stdin, stdout};
use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::filesystem::preopens;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip3::random::random;
use wasip3::sockets::ip_name_lookup;
use wasip3::sockets::types::{IpAddressFamily, TcpSocket, UdpSocket};
use wasip3::wit_stream;

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let argument = |number: usize| arguments.get(number).map(String::as_str).unwrap_or_default();
        match argument(1) {
            "cat" => {
                let (input, done) = stdin::read_via_stream();
                stdout::write_via_stream(input).await.map_err(drop)?;
                done.await.map_err(drop)
            }
            "look" => print(&look().await).await,
            "wait" => {
                // Two at once take as long as the longer of them.
                join!(monotonic_clock::wait_for(20_000_000), monotonic_clock::wait_for(30_000_000));
                print("waited").await
            }
            "wait-for-ever" => {
                monotonic_clock::wait_for(u64::MAX).await;
                Ok(())
            }
            "read" => print(&read(argument(2)).await.unwrap_or_else(|error| format!("none: {error:?}"))).await,
            "write" => {
                let written = write(argument(2), argument(3).as_bytes().to_vec()).await;
                print(&written.map_or_else(|error| format!("none: {error:?}"), |()| "written".to_owned())).await
            }
            "list" => print(&list().await.unwrap_or_else(|error| format!("none: {error:?}"))).await,
            "complain" => {
                let (mut sender, receiver) = wit_stream::new();
                let (done, _) = join!(stderr::write_via_stream(receiver).into_future(), async {
                    sender.write_all(b"complaint\n".to_vec()).await;
                    drop(sender);
                });
                done.map_err(drop)?;
                Err(())
            }
            "exit" => {
                exit::exit_with_code(argument(2).parse().expect("a code"));
                Ok(())
            }
            "flood" => {
                let (mut sender, receiver) = wit_stream::new();
                let (_, ()) = join!(stdout::write_via_stream(receiver).into_future(), async {
                    while sender.write_all(vec![b'x'; 4096]).await.is_empty() {}
                });
                Ok(())
            }
            "hoard" => loop {
                std::mem::forget(wit_stream::new::<u8>());
            },
            "spin" => loop {
                std::hint::black_box(0);
            },
            other => print(&format!("nothing to do: {other:?}")).await,
        }
    }
}

async fn print(text: &str) -> Result<(), ()> {
    let (mut sender, receiver) = wit_stream::new();
    let (printed, rest) = join!(stdout::write_via_stream(receiver).into_future(), async {
        let rest = sender.write_all(text.as_bytes().to_vec()).await;
        drop(sender);
        rest
    });
    if rest.is_empty() { printed.map_err(drop) } else { Err(()) }
}

async fn look() -> String {
    let mut text = format!(
        "environment: {}, folders: {}",
        environment::get_environment().len(),
        preopens::get_directories().len()
    );
    let (first, again) = (monotonic_clock::now(), system_clock::now());
    monotonic_clock::wait_for(5_000_000).await;
    let stands = first == monotonic_clock::now() && again.nanoseconds == system_clock::now().nanoseconds;
    write!(text, ", clocks stand: {stands}, random: {:?}", random::get_random_bytes(4)).unwrap();
    let sockets = (TcpSocket::create(IpAddressFamily::Ipv4).err(), UdpSocket::create(IpAddressFamily::Ipv6).err());
    write!(
        text,
        ", sockets: {sockets:?}, lookup: {:?}",
        ip_name_lookup::resolve_addresses("localhost".to_owned()).await.err()
    )
    .unwrap();
    text
}

fn folder() -> Result<Descriptor, ErrorCode> {
    preopens::get_directories().into_iter().next().map(|(folder, _)| folder).ok_or(ErrorCode::NoEntry)
}

async fn read(path: &str) -> Result<String, ErrorCode> {
    let file =
        folder()?.open_at(PathFlags::empty(), path.to_owned(), OpenFlags::empty(), DescriptorFlags::READ).await?;
    let (bytes, done) = file.read_via_stream(0);
    let bytes = bytes.collect().await;
    done.await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn write(path: &str, bytes: Vec<u8>) -> Result<(), ErrorCode> {
    let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let file = folder()?.open_at(PathFlags::empty(), path.to_owned(), flags, DescriptorFlags::WRITE).await?;
    let (mut sender, receiver) = wit_stream::new();
    let (done, _) = join!(file.write_via_stream(receiver, 0).into_future(), async {
        // In two pieces: the second one goes behind the first.
        let (one, other) = bytes.split_at(bytes.len() / 2);
        sender.write_all(one.to_vec()).await;
        sender.write_all(other.to_vec()).await;
        drop(sender);
    });
    done
}

async fn list() -> Result<String, ErrorCode> {
    let (entries, done) = folder()?.read_directory();
    let mut names: Vec<String> = entries.collect().await.into_iter().map(|entry| entry.name).collect();
    done.await?;
    names.sort();
    Ok(names.join(","))
}
