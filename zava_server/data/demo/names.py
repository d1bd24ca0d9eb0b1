"""Given and family names of customers, the commoner ones first."""

_FIRST = """
James Mary Michael Jennifer Robert Linda John Patricia David Elizabeth William Susan Richard
Jessica Joseph Sarah Thomas Karen Daniel Lisa Matthew Nancy Anthony Sandra Mark Ashley Steven
Emily Andrew Kimberly Paul Michelle Joshua Amanda Kenneth Melissa Kevin Deborah Brian Stephanie
George Rebecca Timothy Laura Jason Helen Edward Sharon Jeffrey Cynthia Ryan Kathleen Jacob Amy
Gary Angela Nicholas Anna Eric Ruth Jonathan Brenda Stephen Nicole Larry Katherine Justin Emma
Scott Samantha Brandon Christine Benjamin Catherine Samuel Virginia Gregory Rachel Frank Janet
Alexander Maria Raymond Diane Patrick Julie Jack Olivia Dennis Heather Jerry Carolyn Tyler Grace
Aaron Hannah Jose Amber Adam Megan Nathan Sophia Henry Denise Zachary Natalie Wei Priya Minh Mei
Carlos Yuki Hiroshi Ananya Luis Guadalupe Juan Ngoc Miguel Linh Diego Aisha Ahmed Fatima Omar
Leilani Sanjay Kavita Ravi Deepa Arjun Mina Jin Soo Kenji Akiko Thanh Huong Oleg Svetlana Ivan
Olga Dmitri Natasha Abebe Selam Tariq Noor Mateo Camila José Zoë Renée André Chloë Björn Siobhán
Iñaki Søren Astrid Lars Ingrid Erik Freya Finn Nora Owen Hazel Wyatt Ivy Caleb Violet Levi Stella
Isaac Aurora Julian Naomi Gavin Elena Hugo Marisol Dylan Tessa Cole Paige Grant Brooke Reed Willow
Dale Opal Vernon Fern Clyde June
"""

_LAST = """
Smith Johnson Williams Brown Jones Garcia Miller Davis Nguyen Rodriguez Martinez Lee Anderson
Hernandez Lopez Wilson Thomas Taylor Moore Jackson Martin Kim Thompson White Harris Clark Lewis
Gonzalez Robinson Walker Young Allen King Wright Scott Torres Hill Tran Flores Green Adams Nelson
Baker Hall Rivera Campbell Mitchell Carter Roberts Chen Gomez Phillips Evans Turner Diaz Parker
Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper
Peterson Bailey Reed Kelly Howard Ramos Wang Cox Ward Richardson Watson Brooks Chavez Wood Bennett
Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez
Powell Jenkins Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Fisher Vasquez Simmons
Larson Olson Hansen Johansen Lindgren Swanson Carlson Nilsen Sorensen Pham Le Vo Huynh Dang Singh
Kaur Sharma Gupta Reddy Iyer Khan Ali Hassan Tadesse Bekele Abdi Yamamoto Tanaka Suzuki Nakamura
Sato Park Choi Jung Kang Wu Liu Zhang Huang Lin Yang Santos DelaCruz Bautista Villanueva Aquino
Kealoha Kahale Petrov Ivanov Kuznetsov Kovalenko Shevchenko Novak Kowalski Schneider Weber Becker
Hoffman Fischer Müller Núñez Muñoz Peña García-Lorca O'Brien O'Connor MacDonald McKenzie
Fitzgerald Gallagher Doyle Dupont Lefèvre Moreau Rossi Bianchi Romano Silva Costa Ferreira
Blackwood Ashford Hawthorne Whitaker Holloway Prescott Langley Winslow Thatcher Redfern Oakley
Birch Stone Rivers Lake Marsh Fields Forrest
"""

FIRST_NAMES = tuple(_FIRST.split())
LAST_NAMES = tuple(_LAST.split())
