//! What a socket's classic BPF filter makes of tunnel packets.
//!
//! A filter is not run on one packet but on all that a [`Sample`] stands for: a word is known bit by
//! bit, and where a jump depends on bits that are not known, both ways are followed. The answer is
//! whether the filter may take any of them. Jumps only go forward, so that one pass over the
//! instructions is enough, with what is known at each of them.

use super::{bits::Bits, sample::Sample};

/// `struct sock_filter`.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    k: u32,
}

/// Bytes of an instruction.
const INSTRUCTION: usize = 8;

/// What is known before an instruction.
#[derive(Clone, Copy, Debug)]
struct State {
    a: Bits,
    x: Bits,
    memory: [Bits; 16],
}

/// How an instruction ends.
enum Step {
    /// The next one follows.
    Next(State),
    /// One or both of the next but so many follow.
    Jump(State, [Option<u32>; 2]),
    /// The filter refuses the packet.
    Refuse,
    /// It takes the packet, or what it does can't be told.
    Take,
}

/// Whether a filter, as the kernel lists it, may take a packet of the sample. `from_network`: its
/// socket sees packets without their link header (`SOCK_DGRAM`).
pub fn may_take(filter: &[u8], sample: &Sample, from_network: bool) -> bool {
    let program: Vec<_> = filter.chunks_exact(INSTRUCTION).map(instruction).collect();
    let packet = Packet { sample, start: if from_network { sample.network() } else { 0 } };
    let zero = Bits::known(0);
    let mut states: Vec<Option<State>> = vec![None; program.len()];
    let Some(first) = states.first_mut() else { return true };
    *first = Some(State { a: zero, x: zero, memory: [zero; 16] });
    for (place, instruction) in program.into_iter().enumerate() {
        let Some(state) = states[place] else { continue };
        let (state, ways) = match step(state, instruction, &packet) {
            Step::Next(state) => (state, [Some(0), None]),
            Step::Jump(state, ways) => (state, ways),
            Step::Refuse => continue,
            Step::Take => return true,
        };
        for way in ways.into_iter().flatten() {
            // The kernel lets no jump leave the filter.
            let Some(next) = states.get_mut(place + 1 + way as usize) else { return true };
            *next = Some(next.map_or(state, |other| other.or(&state)));
        }
    }
    false
}

fn instruction(bytes: &[u8]) -> Instruction {
    let mut all = [0; INSTRUCTION];
    all.copy_from_slice(bytes);
    let [c0, c1, if_true, if_false, k0, k1, k2, k3] = all;
    let code = u16::from_ne_bytes([c0, c1]);
    Instruction { code, if_true, if_false, k: u32::from_ne_bytes([k0, k1, k2, k3]) }
}

// include/uapi/linux/bpf_common.h
const LD: u16 = 0;
const LDX: u16 = 1;
const ST: u16 = 2;
const STX: u16 = 3;
const ALU: u16 = 4;
const JMP: u16 = 5;
const RET: u16 = 6;
const MISC: u16 = 7;

fn step(mut state: State, instruction: Instruction, packet: &Packet<'_>) -> Step {
    let Instruction { code, if_true, if_false, k } = instruction;
    let size = match code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        _ => 1,
    };
    let memory = (k & 15) as usize;
    let operand = if code & 8 == 0 { Bits::known(k) } else { state.x };
    match (code & 7, code & 0xe0) {
        (LD, 0x00) => state.a = Bits::known(k),
        (LD, 0x20) => state.a = packet.load(k, size),
        (LD, 0x40) => state.a = packet.load_at(k, state.x, size),
        (LD | LDX, 0x80) => *state.target(code) = Bits::UNKNOWN,
        (LD | LDX, 0x60) => *state.target(code) = state.memory[memory],
        (LDX, 0x00) => state.x = Bits::known(k),
        (LDX, 0xa0) => {
            state.x = packet.load(k, 1).and(Bits::known(0xf)).shift_left(Bits::known(2));
        }
        (ST, _) => state.memory[memory] = state.a,
        (STX, _) => state.memory[memory] = state.x,
        (ALU, _) => match arithmetic(code & 0xf0, state.a, operand) {
            Some(a) => state.a = a,
            None => return Step::Refuse,
        },
        (JMP, _) => {
            let taken = match code & 0xf0 {
                0x00 => return Step::Jump(state, [Some(k), None]),
                0x10 => state.a.equals(operand),
                0x20 => operand.less_than(state.a),
                0x30 => state.a.less_than(operand).map(|less| !less),
                0x40 => state.a.shares_a_bit(operand),
                _ => return Step::Take,
            };
            let way = |is: bool, distance: u8| (taken != Some(!is)).then_some(distance.into());
            return Step::Jump(state, [way(true, if_true), way(false, if_false)]);
        }
        (RET, _) => {
            let length = if code & 0x18 == 0x10 { state.a } else { Bits::known(k) };
            return if length == Bits::known(0) { Step::Refuse } else { Step::Take };
        }
        (MISC, 0x00) => state.x = state.a,
        (MISC, 0x80) => state.a = state.x,
        _ => return Step::Take,
    }
    Step::Next(state)
}

/// `None` where the filter ends, because it divides by zero.
fn arithmetic(operation: u16, a: Bits, operand: Bits) -> Option<Bits> {
    let both = a.as_known().zip(operand.as_known());
    let exact = |compute: fn(u32, u32) -> u32| {
        both.map_or(Bits::UNKNOWN, |(a, operand)| Bits::known(compute(a, operand)))
    };
    let divides = matches!(operation, 0x30 | 0x90);
    if divides && operand == Bits::known(0) {
        return None;
    }
    Some(match operation {
        0x00 => exact(u32::wrapping_add),
        0x10 => exact(u32::wrapping_sub),
        0x20 => exact(u32::wrapping_mul),
        0x30 => exact(|a, by| a / by),
        0x40 => a.or(operand),
        0x50 => a.and(operand),
        0x60 => a.shift_left(operand),
        0x70 => a.shift_right(operand),
        0x80 => a.as_known().map_or(Bits::UNKNOWN, |a| Bits::known(a.wrapping_neg())),
        0x90 => exact(|a, by| a % by),
        0xa0 => a.xor(operand),
        _ => Bits::UNKNOWN,
    })
}

impl State {
    fn target(&mut self, code: u16) -> &mut Bits {
        if code & 7 == LD { &mut self.a } else { &mut self.x }
    }

    /// What is known where two ways meet.
    fn or(&self, other: &Self) -> Self {
        let mut memory = self.memory;
        for (one, other) in memory.iter_mut().zip(other.memory) {
            *one = one.either(other);
        }
        Self { a: self.a.either(other.a), x: self.x.either(other.x), memory }
    }
}

/// The packets of a sample as a socket sees them.
struct Packet<'a> {
    sample: &'a Sample,
    /// Where its offset 0 is in the frame.
    start: usize,
}

// include/uapi/linux/filter.h: offsets from these on are not of the packet's bytes.
const ANCILLARY: u32 = 0xffff_f000;
const NETWORK: u32 = 0xfff0_0000;
const LINK: u32 = 0xffe0_0000;
const ANCILLARY_PROTOCOL: u32 = ANCILLARY;
const ANCILLARY_PACKET_TYPE: u32 = ANCILLARY + 4;

impl Packet<'_> {
    /// `size` bytes at an absolute offset, or what the kernel knows of the packet besides.
    fn load(&self, offset: u32, size: usize) -> Bits {
        match offset {
            ANCILLARY_PROTOCOL => Bits::known(self.sample.ether_type().into()),
            // To this host, or to another one: never `PACKET_OUTGOING`, which is 4.
            ANCILLARY_PACKET_TYPE => Bits::new(0, 3),
            other if other >= ANCILLARY => Bits::UNKNOWN,
            other => self.bytes(other, size),
        }
    }

    /// The same at an offset from X.
    fn load_at(&self, offset: u32, x: Bits, size: usize) -> Bits {
        x.as_known().map_or(Bits::UNKNOWN, |x| self.bytes(offset.wrapping_add(x), size))
    }

    /// Of what is beyond the sample nothing is known, not even that it is there.
    fn bytes(&self, offset: u32, size: usize) -> Bits {
        let start = match offset {
            NETWORK.. => self.sample.network() + (offset - NETWORK) as usize,
            LINK.. => (offset - LINK) as usize,
            _ => self.start.saturating_add(offset as usize),
        };
        self.sample.word(start, size)
    }
}

#[cfg(test)]
mod tests;
