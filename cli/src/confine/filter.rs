//! The seccomp program of a list of rules: it finds the rule of a call by bisection.
//!
//! `SeccompFilter` compares the number of a call with that of each rule in turn. When a program is installed, the
//! kernel runs it for every number (`seccomp_cache_prepare` in kernel/seccomp.c), so a long chain made the start of each
//! run 0.7 milliseconds longer.

use std::collections::BTreeMap;

use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, SeccompRule, sock_filter};

/// How a call is answered: the rules of which one must match, or no rules for any arguments; and the answer then.
pub(super) type Answer = (Vec<SeccompRule>, SeccompAction);

/// Answers by the number of the call. All other calls are allowed.
pub(super) type Answers = BTreeMap<u32, Answer>;

/// Instructions (linux/bpf_common.h): load a word of `seccomp_data`, mask it, jump, jump if not less, return.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_IF_NOT_LESS: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Offset of the number of the call in `seccomp_data` (linux/seccomp.h).
const NUMBER: u32 = 0;

fn instruction(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// The program for these answers. The bits of `ignored` are cleared in the number of a call before it is compared.
pub(super) fn program(answers: Answers, ignored: u32) -> Result<BpfProgram, BackendError> {
    // Without rules, a program checks the architecture and returns one answer for all calls.
    let empty = SeccompFilter::new(
        BTreeMap::new(),
        SeccompAction::Allow,
        SeccompAction::Trap,
        std::env::consts::ARCH.try_into()?,
    )?;
    let mut program: BpfProgram = empty.try_into()?;
    program.pop();
    program.push(instruction(LOAD, NUMBER));
    if ignored != 0 {
        program.push(instruction(AND, !ignored));
    }
    let mut backwards = BpfProgram::new();
    bisect(&ranges(answers), &mut backwards);
    program.extend(backwards.into_iter().rev());
    Ok(program)
}

/// The first number of a range of calls, and the instructions that answer them. They end with a return.
type Range = (u32, BpfProgram);

/// All numbers as ranges with the same answer, in ascending order.
fn ranges(answers: Answers) -> Vec<Range> {
    let allowed = vec![instruction(RETURN, SeccompAction::Allow.into())];
    let mut ranges: Vec<Range> = vec![(0, allowed.clone())];
    let mut begin = |first, instructions| {
        ranges.pop_if(|(begun, _)| *begun == first);
        if ranges.last().is_none_or(|(_, before)| *before != instructions) {
            ranges.push((first, instructions));
        }
    };
    for (call, (rules, action)) in answers {
        let answer = instruction(RETURN, action.into());
        if rules.is_empty() {
            begin(call, vec![answer]);
        } else {
            // A rule that does not match jumps over the instruction after it.
            let rules = rules.into_iter().flat_map(|rule| {
                let mut instructions: BpfProgram = rule.into();
                instructions.push(answer.clone());
                instructions
            });
            begin(call, rules.chain(allowed.iter().cloned()).collect());
        }
        begin(call.saturating_add(1), allowed.clone());
    }
    ranges
}

/// Appends instructions that find the range of a number in a few comparisons, and answer. The last comes first, because
/// the length of a jump is known when what it jumps over is written.
fn bisect(ranges: &[Range], backwards: &mut BpfProgram) {
    if let [(_, answer)] = ranges {
        return backwards.extend(answer.iter().rev().cloned());
    }
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let Some((first, _)) = above.first() else { return };
    bisect(above, backwards);
    let end = backwards.len();
    bisect(below, backwards);
    let length = backwards.len() - end;
    if let Ok(length) = u8::try_from(length) {
        backwards.push(sock_filter { jt: length, ..instruction(JUMP_IF_NOT_LESS, *first) });
    } else {
        // A conditional jump is at most 255 instructions long.
        backwards.push(instruction(JUMP, u32::try_from(length).unwrap_or(u32::MAX)));
        backwards.push(sock_filter { jf: 1, ..instruction(JUMP_IF_NOT_LESS, *first) });
    }
}

#[cfg(test)]
mod tests {
    use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};

    use super::super::calls;
    use super::*;

    /// A call as a program sees it: `seccomp_data` in words.
    type Call = [u32; 16];

    fn call(number: u32, architecture: u32, argument: u64) -> Call {
        let mut call = [0; 16];
        call[..2].copy_from_slice(&[number, architecture]);
        let halves = [argument & u64::from(u32::MAX), argument >> 32].map(|half| u32::try_from(half).unwrap());
        call[4..].chunks_exact_mut(2).for_each(|word| word.copy_from_slice(&halves));
        call
    }

    /// Runs a program as the kernel does; panics where the kernel would refuse it.
    fn run(program: &[sock_filter], call: &Call) -> u32 {
        let (mut at, mut word) = (0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            at += 1;
            let choose = |condition| usize::from(if condition { jt } else { jf });
            match code {
                LOAD => word = call[k as usize / 4],
                AND => word &= k,
                JUMP => at += k as usize,
                0x15 => at += choose(word == k),
                0x25 => at += choose(word > k),
                JUMP_IF_NOT_LESS => at += choose(word >= k),
                RETURN => return k,
                other => panic!("{other:#x}"),
            }
        }
    }

    /// The programs that `SeccompFilter` makes of the same answers, one for each action.
    fn chains(answers: &Answers, x32: u32) -> Vec<BpfProgram> {
        let mut by_action: BTreeMap<u32, (SeccompAction, BTreeMap<i64, Vec<SeccompRule>>)> = BTreeMap::new();
        for (number, (rules, action)) in answers {
            let (_, all) = by_action.entry(action.clone().into()).or_insert_with(|| (action.clone(), BTreeMap::new()));
            for number in [*number, number | x32] {
                all.insert(number.into(), rules.clone());
            }
        }
        let architecture = || std::env::consts::ARCH.try_into().unwrap();
        let chains = by_action.into_values().map(|(action, rules)| {
            SeccompFilter::new(rules, SeccompAction::Allow, action, architecture()).unwrap().try_into().unwrap()
        });
        chains.collect()
    }

    #[test]
    fn answers_are_those_of_a_chain_of_comparisons() {
        let allow = u32::from(SeccompAction::Allow);
        for output in [false, true] {
            let answers = calls::answers(output).unwrap();
            let (chains, short) = (chains(&answers, calls::X32), program(answers.clone(), calls::X32).unwrap());
            assert!(short.len() < chains.iter().map(Vec::len).sum::<usize>() / 2, "{}", short.len());
            let architecture = short[1].k;
            assert_ne!(run(&short, &call(libc::SYS_read.try_into().unwrap(), !architecture, 0)), allow);
            let arguments = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC, libc::CLONE_THREAD];
            let arguments = arguments.map(|flag| u64::from(flag.cast_unsigned())).into_iter();
            let arguments = arguments.chain([0, 1, 4, 0x5412, 0x541c, 1 << 32, u64::MAX, std::process::id().into()]);
            let mut refused = 0;
            for argument in arguments {
                for number in (0..1000).flat_map(|number| [number, number | calls::X32]).chain([u32::MAX]) {
                    let call = call(number, architecture, argument);
                    let answer = chains.iter().map(|chain| run(chain, &call)).find(|answer| *answer != allow);
                    assert_eq!(run(&short, &call), answer.unwrap_or(allow), "{number} {argument:#x} {output}");
                    refused += usize::from(answer.is_some());
                }
            }
            assert!(refused > 2 * 10 * answers.len(), "{refused}");
        }
    }

    #[test]
    fn long_jumps_reach_their_range() {
        let is = |value| SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).unwrap();
        let answers: Answers = (0..300)
            .map(|number| {
                let rules = (0..number % 5).map(|value| SeccompRule::new(vec![is(value.into())]).unwrap()).collect();
                (number * 2, (rules, SeccompAction::Errno(number)))
            })
            .collect();
        let (chains, program) = (chains(&answers, 0), program(answers.clone(), 0).unwrap());
        assert!(program.iter().any(|one| one.code == JUMP && one.k > 255));
        let allow = u32::from(SeccompAction::Allow);
        for (number, argument) in (0..700).flat_map(|number| (0..6).map(move |argument| (number, argument))) {
            let call = call(number, program[1].k, argument);
            let answer = chains.iter().map(|chain| run(chain, &call)).find(|answer| *answer != allow);
            assert_eq!(run(&program, &call), answer.unwrap_or(allow), "{number} {argument}");
        }
    }
}
