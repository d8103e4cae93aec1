//! Linking every interface that a component may import, once per engine.

use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::cli::{WasiCli, WasiCliCtxView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtxView};
use wasmtime_wasi::p2::bindings::{cli, clocks, sockets as wasi_sockets};
use wasmtime_wasi::p3::bindings::{cli as cli_3, clocks as clocks_3};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};

use super::{CapabilityView, call, config, files, http, io, kv, log, model, progress, prompt, random, sockets, stdio};

/// Links all of WASI 0.2 that a tool may import, `wasi:http`'s outgoing side, `wasi:keyvalue`, `wasi:config`,
/// `wasi:logging` and Cofferdam's own interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: CapabilityView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasi(linker)?;
    call::add_to_linker(linker)?;
    config::add_to_linker(linker, |data: &mut T| data.capabilities().config())?;
    files::add_to_linker(linker, |data: &mut T| data.capabilities().files())?;
    http::add_to_linker(linker, |data: &mut T| data.capabilities().http())?;
    io::add_to_linker(linker, |data: &mut T| data.capabilities().io())?;
    kv::add_to_linker(linker, |data: &mut T| data.capabilities().kv())?;
    log::add_to_linker(linker, |data: &mut T| data.capabilities().log())?;
    model::add_to_linker(linker, |data: &mut T| data.capabilities().model())?;
    prompt::add_to_linker(linker, |data: &mut T| data.capabilities().prompt())?;
    progress::add_to_linker(linker, |data: &mut T| data.capabilities().progress())?;
    random::add_to_linker(linker, |data: &mut T| data.capabilities().random())?;
    stdio::add_to_linker(linker, |data: &mut T| data.capabilities().stdio())?;
    sockets::add_to_linker(linker, |data: &mut T| data.capabilities().sockets())
}

/// Links all of WASI 0.3 that a tool may import, beside 0.2: a component can be of both. Only for an engine that has
/// the asynchronous component model.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker_3<T: CapabilityView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let l = linker;
    clocks_3::monotonic_clock::add_to_linker::<T, WasiClocks>(l, clocks_view)?;
    clocks_3::system_clock::add_to_linker::<T, WasiClocks>(l, clocks_view)?;

    cli_3::environment::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::exit::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::stdin::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::terminal_input::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::terminal_output::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::terminal_stdin::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::terminal_stdout::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli_3::terminal_stderr::add_to_linker::<T, WasiCli>(l, cli_view)?;

    files::add_to_linker_3(l, |data: &mut T| data.capabilities().files())?;
    http::add_to_linker_3(l, |data: &mut T| data.capabilities().http())?;
    random::add_to_linker_3(l, |data: &mut T| data.capabilities().random())?;
    stdio::add_to_linker_3(l, |data: &mut T| data.capabilities().stdio())?;
    sockets::add_to_linker_3(l, |data: &mut T| data.capabilities().sockets(), sockets_view)
}

/// What `wasmtime-wasi` serves as it is: with nothing in it, or nothing to call it on.
fn wasi<T: CapabilityView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let l = linker;
    clocks::wall_clock::add_to_linker::<T, WasiClocks>(l, clocks_view)?;
    clocks::monotonic_clock::add_to_linker::<T, WasiClocks>(l, clocks_view)?;

    cli::environment::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::exit::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::stdin::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::terminal_input::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::terminal_output::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::terminal_stdin::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::terminal_stdout::add_to_linker::<T, WasiCli>(l, cli_view)?;
    cli::terminal_stderr::add_to_linker::<T, WasiCli>(l, cli_view)?;

    let options = wasi_sockets::network::LinkOptions::default();
    wasi_sockets::instance_network::add_to_linker::<T, WasiSockets>(l, sockets_view)?;
    wasi_sockets::network::add_to_linker::<T, WasiSockets>(l, &options, sockets_view)?;
    wasi_sockets::tcp::add_to_linker::<T, WasiSockets>(l, sockets_view)?;
    wasi_sockets::udp::add_to_linker::<T, WasiSockets>(l, sockets_view)
}

fn clocks_view<T: CapabilityView>(data: &mut T) -> WasiClocksCtxView<'_> {
    let WasiCtxView { ctx, table } = data.capabilities().wasi();
    WasiClocksCtxView { ctx: ctx.clocks(), table }
}

fn cli_view<T: CapabilityView>(data: &mut T) -> WasiCliCtxView<'_> {
    let WasiCtxView { ctx, table } = data.capabilities().wasi();
    WasiCliCtxView { ctx: ctx.cli(), table }
}

fn sockets_view<T: CapabilityView>(data: &mut T) -> WasiSocketsCtxView<'_> {
    let WasiCtxView { ctx, table } = data.capabilities().wasi();
    WasiSocketsCtxView { ctx: ctx.sockets(), table }
}
