//! Which replica is next. Pure.

/// One that could be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its place in the list.
    pub(crate) index: usize,
    /// How much it is doing.
    pub(crate) in_flight: usize,
    /// It failed this very request before.
    pub(crate) tried: bool,
}

/// The candidate with the fewest in flight; of several, the first at or after `cursor`, so that ties rotate. One that was
/// tried is only chosen when there is no other.
pub(crate) fn choose(candidates: impl Iterator<Item = Candidate>, cursor: usize) -> Option<usize> {
    candidates
        .min_by_key(|one| (one.tried, one.in_flight, one.index < cursor, one.index))
        .map(|one| one.index)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, choose};
    use proptest::prelude::{Strategy, any, proptest};

    fn of(loads: &[usize]) -> impl Iterator<Item = Candidate> {
        loads.iter().enumerate().map(|(index, &in_flight)| Candidate { index, in_flight, tried: false })
    }

    #[test]
    fn ties_rotate() {
        let mut seen = Vec::new();
        let mut cursor = 0;
        for _ in 0..6 {
            let index = choose(of(&[0, 0, 0]), cursor).unwrap();
            seen.push(index);
            cursor = index + 1;
        }
        assert_eq!(seen, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn the_idlest_wins_wherever_the_cursor_is() {
        for cursor in 0..5 {
            assert_eq!(choose(of(&[3, 1, 2]), cursor), Some(1));
        }
        assert_eq!(choose(of(&[]), 0), None);
    }

    #[test]
    fn one_that_was_tried_comes_last() {
        let candidates = [
            Candidate { index: 0, in_flight: 0, tried: true },
            Candidate { index: 1, in_flight: 9, tried: false },
        ];
        assert_eq!(choose(candidates.into_iter(), 0), Some(1));
        assert_eq!(choose(candidates.into_iter().take(1), 0), Some(0));
    }

    proptest! {
        #[test]
        fn never_a_busier_one_than_needed(
            loads in proptest::collection::vec(0_usize..5, 1..8),
            cursor in 0_usize..10,
        ) {
            let index = choose(of(&loads), cursor).unwrap();
            assert_eq!(loads[index], *loads.iter().min().unwrap());
        }

        #[test]
        fn every_idle_one_gets_its_share(count in 1_usize..8, start in any::<u8>().prop_map(usize::from)) {
            let loads = vec![0; count];
            let mut shares = vec![0; count];
            let mut cursor = start % count;
            for _ in 0..count * 3 {
                let index = choose(of(&loads), cursor).unwrap();
                shares[index] += 1;
                cursor = index + 1;
            }
            assert!(shares.iter().all(|&share| share == 3), "{shares:?}");
        }
    }
}
