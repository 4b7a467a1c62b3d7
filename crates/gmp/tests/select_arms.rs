//! `select!` with the most arms there can be.

use gmp::{chan, select};

#[test]
fn x8_sixty_four_arms() {
    let (tx, rx): (Vec<_>, Vec<_>) = (0..64).map(|_| chan::bounded(1)).unzip();
    for i in [0, 31, 63] {
        tx[i].send(i).unwrap();
        assert_eq!(all(&rx), (Ok(i), i));
    }
}

fn all(rx: &[chan::Receiver<usize>]) -> (Result<usize, chan::RecvError>, usize) {
    select! {
        recv(rx[0]) -> msg => (msg, 0),
        recv(rx[1]) -> msg => (msg, 1),
        recv(rx[2]) -> msg => (msg, 2),
        recv(rx[3]) -> msg => (msg, 3),
        recv(rx[4]) -> msg => (msg, 4),
        recv(rx[5]) -> msg => (msg, 5),
        recv(rx[6]) -> msg => (msg, 6),
        recv(rx[7]) -> msg => (msg, 7),
        recv(rx[8]) -> msg => (msg, 8),
        recv(rx[9]) -> msg => (msg, 9),
        recv(rx[10]) -> msg => (msg, 10),
        recv(rx[11]) -> msg => (msg, 11),
        recv(rx[12]) -> msg => (msg, 12),
        recv(rx[13]) -> msg => (msg, 13),
        recv(rx[14]) -> msg => (msg, 14),
        recv(rx[15]) -> msg => (msg, 15),
        recv(rx[16]) -> msg => (msg, 16),
        recv(rx[17]) -> msg => (msg, 17),
        recv(rx[18]) -> msg => (msg, 18),
        recv(rx[19]) -> msg => (msg, 19),
        recv(rx[20]) -> msg => (msg, 20),
        recv(rx[21]) -> msg => (msg, 21),
        recv(rx[22]) -> msg => (msg, 22),
        recv(rx[23]) -> msg => (msg, 23),
        recv(rx[24]) -> msg => (msg, 24),
        recv(rx[25]) -> msg => (msg, 25),
        recv(rx[26]) -> msg => (msg, 26),
        recv(rx[27]) -> msg => (msg, 27),
        recv(rx[28]) -> msg => (msg, 28),
        recv(rx[29]) -> msg => (msg, 29),
        recv(rx[30]) -> msg => (msg, 30),
        recv(rx[31]) -> msg => (msg, 31),
        recv(rx[32]) -> msg => (msg, 32),
        recv(rx[33]) -> msg => (msg, 33),
        recv(rx[34]) -> msg => (msg, 34),
        recv(rx[35]) -> msg => (msg, 35),
        recv(rx[36]) -> msg => (msg, 36),
        recv(rx[37]) -> msg => (msg, 37),
        recv(rx[38]) -> msg => (msg, 38),
        recv(rx[39]) -> msg => (msg, 39),
        recv(rx[40]) -> msg => (msg, 40),
        recv(rx[41]) -> msg => (msg, 41),
        recv(rx[42]) -> msg => (msg, 42),
        recv(rx[43]) -> msg => (msg, 43),
        recv(rx[44]) -> msg => (msg, 44),
        recv(rx[45]) -> msg => (msg, 45),
        recv(rx[46]) -> msg => (msg, 46),
        recv(rx[47]) -> msg => (msg, 47),
        recv(rx[48]) -> msg => (msg, 48),
        recv(rx[49]) -> msg => (msg, 49),
        recv(rx[50]) -> msg => (msg, 50),
        recv(rx[51]) -> msg => (msg, 51),
        recv(rx[52]) -> msg => (msg, 52),
        recv(rx[53]) -> msg => (msg, 53),
        recv(rx[54]) -> msg => (msg, 54),
        recv(rx[55]) -> msg => (msg, 55),
        recv(rx[56]) -> msg => (msg, 56),
        recv(rx[57]) -> msg => (msg, 57),
        recv(rx[58]) -> msg => (msg, 58),
        recv(rx[59]) -> msg => (msg, 59),
        recv(rx[60]) -> msg => (msg, 60),
        recv(rx[61]) -> msg => (msg, 61),
        recv(rx[62]) -> msg => (msg, 62),
        recv(rx[63]) -> msg => (msg, 63),
    }
}
